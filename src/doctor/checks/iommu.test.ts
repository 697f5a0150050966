import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from '../probe.fixture.ts';
import { iommu } from './iommu.ts';

const unit = (name: string) => ({ files: { [`/sys/class/iommu/${name}/uevent`]: '' } });

test('off and Intel are fine, AMD and virtio were never tried', () => {
  assert.equal(probe(iommu, {}).status, 'ok');
  assert.equal(probe(iommu, unit('dmar0')).status, 'ok');
  assert.match(probe(iommu, unit('ivhd0')).remedy ?? '', /amd_iommu=off/);
  assert.equal(probe(iommu, unit('virtio-iommu.0')).status, 'warning');
});
