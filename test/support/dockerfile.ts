import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DockerfileParser } from 'dockerfile-ast';

export interface Step {
  /** In capitals. */
  readonly keyword: string;
  /** `--from=x` and its like. */
  readonly flags: readonly string[];
  /** All that follows the flags, on one line. */
  readonly text: string;
}

export interface Stage {
  readonly image: string;
  readonly name: string | undefined;
  readonly steps: readonly Step[];
}

export function readStages(dockerfile: string): Stage[] {
  const stages: { image: string; name: string | undefined; steps: Step[] }[] = [];
  for (const instruction of DockerfileParser.parse(dockerfile).getInstructions()) {
    const keyword = instruction.getKeyword();
    // The parser joins continued lines and puts one space after the keyword.
    const content = instruction.toString().slice(keyword.length + 1);
    if (keyword === 'FROM') {
      const [image = '', , name] = content.split(/\s+/);
      stages.push({ image, name, steps: [] });
      continue;
    }
    const flags = /^(?:--\S+\s+)*/.exec(content)![0];
    stages.at(-1)!.steps.push({
      keyword,
      flags: flags.split(/\s+/).filter(flag => flag !== ''),
      text: content.slice(flags.length),
    });
  }
  return stages;
}

/** The strings of an exec form, behind `CMD` in a health check too; `undefined` for the shell form. */
export function execForm(step: Step | undefined): string[] | undefined {
  const list = /^(?:CMD\s+)?(\[.*\])$/.exec(step?.text ?? '')?.[1];
  return list === undefined ? undefined : (JSON.parse(list) as string[]);
}

export function stepOf(stage: Stage, keyword: string): Step | undefined {
  return stage.steps.findLast(step => step.keyword === keyword);
}

/** Names and values of `ENV name=value …`. */
export function environmentOf(stage: Stage): Record<string, string> {
  const pairs = stage.steps
    .filter(step => step.keyword === 'ENV')
    .flatMap(step => [...step.text.matchAll(/(\w+)=(\S+)/g)])
    .map(match => [match[1]!, match[2]!] as const);
  return Object.fromEntries(pairs);
}

/**
 * Does by hand what a build would do: `WORKDIR`, `COPY` and `RUN` of every stage, each stage in a folder of its own.
 *
 * @param folder empty; stages go to `<folder>/<number>`
 * @param context the folder that `COPY` reads
 * @returns the working folder of the last stage
 */
export function buildByHand(stages: readonly Stage[], folder: string, context: string): string {
  const roots = new Map<string | undefined, string>();
  const environment = buildEnvironment(folder);
  let workFolder = '';
  stages.forEach((stage, index) => {
    const stageRoot = join(folder, String(index));
    roots.set(stage.name, stageRoot);
    workFolder = stageRoot;
    for (const step of stage.steps) {
      if (step.keyword === 'WORKDIR') {
        workFolder = join(stageRoot, step.text);
        mkdirSync(workFolder, { recursive: true });
      } else if (step.keyword === 'COPY') {
        const from = step.flags.find(flag => flag.startsWith('--from='))?.slice('--from='.length);
        copy(step.text.split(/\s+/), from === undefined ? context : roots.get(from)!, workFolder);
      } else if (step.keyword === 'RUN') {
        const { status, stderr } = spawnSync('sh', ['-ec', step.text], {
          cwd: workFolder,
          env: environment,
          encoding: 'utf8',
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        if (status !== 0) throw new Error(`Expected \`${step.text}\` to work, got ${status}: ${stderr}`);
      }
    }
  });
  return workFolder;
}

/** As `COPY` does: a folder's content goes into the destination, a file beside others goes under it. */
function copy(paths: readonly string[], sourceRoot: string, workFolder: string): void {
  const destination = paths.at(-1)!;
  const target = join(workFolder, destination);
  for (const path of paths.slice(0, -1)) {
    const into = destination.endsWith('/') ? join(target, basename(path)) : target;
    mkdirSync(dirname(into), { recursive: true });
    cpSync(join(sourceRoot, path), into, { recursive: true });
  }
}

/**
 * A build has neither the variables of a running npm script nor, where this is not root, the right to give files away:
 * the user who runs this owns them then, which is what `chown` is for.
 */
function buildEnvironment(folder: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(package|lifecycle|command|execpath|node)|npm_config_(local_prefix|global_prefix|omit)|NODE_ENV|NODE_CHANNEL|AVA)/.test(
        name,
      ),
  );
  const commands = join(folder, 'commands');
  mkdirSync(commands);
  if (process.getuid?.() !== 0) {
    writeFileSync(join(commands, 'chown'), '#!/bin/sh\n');
    chmodSync(join(commands, 'chown'), 0o755);
  }
  const path = [commands, dirname(process.execPath), process.env.PATH].join(':');
  return {
    ...Object.fromEntries(own),
    PATH: path,
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
  };
}
