import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planStockQemu, type StockQemu } from './stock-qemu.ts';

const MACHINE: StockQemu = {
  kernel: '/m/kernel',
  initrd: '/m/initrd1',
  disks: ['/m/root.img', '/m/bank.img', '/m/root1.img'],
  rootDisk: 2,
  ramBankMib: 0,
  scripts: '/m/scripts.sock',
  qmp: '/m/qmp.sock',
  append: ['resume=/dev/vdd'],
};
const after = (args: readonly string[], name: string): string => args[args.indexOf(name) + 1]!;

test('a start has all disks in their order, the kernel that is asked for, and its root', () => {
  const args = planStockQemu(MACHINE);
  assert.deepEqual(
    args.filter((_, index) => args[index - 1] === '-drive').map((drive) => drive.split(',')[0]),
    ['file=/m/root.img', 'file=/m/bank.img', 'file=/m/root1.img'],
  );
  assert.match(after(args, '-append'), / root=\/dev\/vdc .* resume=\/dev\/vdd$/);
  assert.ok(!after(args, '-append').includes('memmap='));
  assert.match(after(args, '-cpu'), /,-monitor$/);
});

test('reserved memory lies behind that of the system, below the tables of the firmware', () => {
  const args = planStockQemu({ ...MACHINE, ramBankMib: 512 });
  assert.equal(after(args, '-m'), '1538M');
  assert.match(after(args, '-append'), / memmap=512M!1024M /);
});
