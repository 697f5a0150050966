import { describeEngine } from '../engine.contract.ts';
import { ImageMachine } from './engine-image.fixture.ts';

describeEngine('the image engine', () => ImageMachine.make(), 'E_NOT_PARKED', {});
