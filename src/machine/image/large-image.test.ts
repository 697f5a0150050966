import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeSys } from '../../sys/fake.ts';
import { FakeImageSys } from '../../sys/image-sys.fake.ts';
import { withLargeImage } from './large-image.ts';

const IMAGE_SIZE = '/sys/power/image_size';

test('the kernel may make a large image, and only then', () => {
  const sys = new FakeSys({ files: { [IMAGE_SIZE]: '280932352\n' } });
  const image = new FakeImageSys();
  assert.ok(Number(withLargeImage(sys, image, () => sys.readTextFile(IMAGE_SIZE))) > 2 ** 50);
  assert.equal(sys.readTextFile(IMAGE_SIZE)?.trim(), '280932352');
  const refuse = (): never => {
    throw new Error('refused');
  };
  assert.throws(() => withLargeImage(sys, image, refuse), /refused/);
  assert.equal(sys.readTextFile(IMAGE_SIZE)?.trim(), '280932352');
  assert.deepEqual(image.undo, []);
});

test('a kernel that has no such limit is asked all the same', () => {
  assert.equal(
    withLargeImage(new FakeSys(), new FakeImageSys(), () => 1),
    1,
  );
});
