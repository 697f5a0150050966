import { randomUUID } from 'node:crypto';
import { waitForProgress } from './going-on.ts';
import { RAM } from './guest-os.ts';
import { requireProcess, startScript } from './process.ts';
import { DEBIAN, requireGrown, requireSame, type SurvivalProgram } from './program.ts';

const PROGRAM = `
import os, sys, time

def fibonacci():
    a, b, n = 0, 1, 0
    while True:
        yield n, a
        a, b, n = b, (a + b) % 2**61, n + 1

nonce = sys.stdin.readline().strip()
numbers = fibonacci()
for n, value in numbers:
    with open("${RAM}/python.new", "w") as out:
        out.write(f"{nonce} {n} {value}")
    os.rename("${RAM}/python.new", "${RAM}/python")
    time.sleep(0.2)
`;

/** The same sequence, counted here. */
function fibonacci(n: number): string {
  let [a, b] = [0n, 1n];
  for (let i = 0; i < n; i += 1) [a, b] = [b, (a + b) % 2n ** 61n];
  return String(a);
}

export const python: SurvivalProgram = {
  id: 'python',
  doc: 'a Python interpreter in the middle of a generator',
  needs: DEBIAN,
  prepare: async (os) => {
    const nonce = randomUUID();
    await os.write(`${RAM}/python.py`, PROGRAM);
    const process = await startScript(os, 'python', `exec python3 ${RAM}/python.py`, nonce);
    await os.sh(`until [ -s ${RAM}/python ]; do sleep 0.1; done`);
    return { ...process, nonce, ticks: -1 };
  },
  verify: async (os, facts) => {
    await requireProcess(os, 'python', facts);
    const written = await waitForProgress(os, 'the interpreter', `cat ${RAM}/python`);
    const [nonce, ticks, value] = written.split(' ');
    requireSame(`the interpreter's nonce in ${os.name}`, facts.nonce!, nonce!);
    requireGrown(`the generator in ${os.name}`, Number(facts.ticks), Number(ticks));
    requireSame(`the generator's value in ${os.name}`, fibonacci(Number(ticks)), value!);
    return { ...facts, ticks: Number(ticks) };
  },
};
