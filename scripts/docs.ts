// `npm run docs` prints the table of settings into docs/configuration.md, its Chinese twin and .env.example.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Setting, settings } from '../src/config/settings.ts';

const all = Object.values(settings) as readonly Setting<unknown>[];

type Group = Setting<unknown>['group'];

const GROUPS: Readonly<Record<Group, { en: string; zh: string }>> = {
  server: { en: 'Server', zh: '服务' },
  store: { en: 'Store', zh: '存储' },
  access: { en: 'Access', zh: '访问控制' },
  forwarding: { en: 'Forwarding', zh: '转发' },
  upstream: { en: 'Upstream', zh: '上游' },
  pool: { en: 'Key pool on `/v1`', zh: '`/v1` 密钥池' },
  logs: { en: 'Logs', zh: '日志' },
};

const INTRODUCTION = {
  en: `# Configuration

[简体中文](configuration.zh-CN.md)

Every setting is an environment variable. A \`.env\` file in the working folder is read at start; a variable that the
environment has already wins over it. An empty variable counts as unset. Where a value cannot be used, the program names
every such setting and exits with code 1. Secrets are never shown, neither in that list nor in a log.

[\`.env.example\`](../.env.example) lists the same settings, ready to copy. Both are printed from
[\`src/config/settings.ts\`](../src/config/settings.ts) by \`npm run docs\`.
`,
  zh: `# 配置

[English](configuration.md)

所有设置都是环境变量。启动时会读取工作目录下的 \`.env\` 文件；环境里已有的变量优先于文件。值为空等同于没有设置。
如果有设置的值不可用，程序会一次列出所有这样的设置，并以退出码 1 结束。密钥绝不会显示，无论是在这份清单还是在日志里。

[\`.env.example\`](../.env.example) 列出同样的设置，可以直接复制使用。两者都由 \`npm run docs\` 根据
[\`src/config/settings.ts\`](../src/config/settings.ts) 生成。
`,
};

const ENV_INTRODUCTION = `# Copy this file to \`.env\` and change what you need; \`#\` at the start of a line means the default holds.
# \`docker compose up\` needs REDIS_PASSWORD from here.
# Printed by \`npm run docs\`; docs/configuration.md says the same as tables.
`;

/** Chinese for what a setting may be and for defaults that are words; patterns keep values as they are. */
const CHINESE: readonly (readonly [RegExp, string])[] = [
  [/^an integer from (\d+) to (\d+)$/, '$1 到 $2 的整数'],
  [/^`true` or `false`$/, '`true` 或 `false`'],
  [/^one of (.+)$/, '$1 之一'],
  [/^a URL that starts with (`[^`]+`) or (`[^`]+`)$/, '以 $1 或 $2 开头的 URL'],
  [/^printable ASCII without spaces$/, '不含空格的可打印 ASCII 字符'],
  [/^an address of this machine$/, '本机的一个地址'],
  [/^a folder$/, '文件夹'],
  [/^a file$/, '文件'],
  [/^a URL$/, 'URL'],
  [/^a client id$/, 'client id'],
  [/^keys, separated by `;` or `,`$/, '以 `;` 或 `,` 分隔的密钥'],
  [/^a host name$/, '主机名'],
  [/^an IANA time zone$/, 'IANA 时区名'],
  [
    /^empty, or a path that starts with a slash and does not end with one$/,
    '留空，或以斜杠开头、不以斜杠结尾的路径',
  ],
  [/^`on`, `off`, or a pseudonym$/, '`on`、`off` 或自定义代号'],
  [/^prefixes, comma separated: (`.+`)$/, '以逗号分隔的前缀：$1'],
  [/^pairs, comma separated: (`.+`)$/, '以逗号分隔的键值对：$1'],
  [/^hosts, comma separated: (`.+`), or `\*`$/, '以逗号分隔的主机：$1，或 `*`'],
  [/^an `http` or `https` URL without query and credentials$/, '不含查询参数和凭据的 `http` 或 `https` URL'],
  [/^names, comma separated$/, '以逗号分隔的名称'],
  [
    /^32 bytes as 64 hex digits or base64; while keys are rotated the new one and the old one, comma separated$/,
    '32 字节，写成 64 位十六进制或 base64；轮换密钥期间写新、旧两个，以逗号分隔',
  ],
  [
    /^generated into (`[^`]+`); with Redis none, and the key pool cannot be used$/,
    '自动生成，写入 $1；使用 Redis 时没有默认值，密钥池不可用',
  ],
  [/^generated into (`.+`)$/, '自动生成，写入 $1'],
  [/^none: everyone who can reach the port$/, '无：能连到端口的人都可以'],
  [/^none: everyone$/, '无：所有人'],
];

const UNITS_ZH: Readonly<Record<string, string>> = { ms: '毫秒', days: '天', bytes: '字节' };

function inChinese(words: string): string {
  const entry = CHINESE.find(([pattern]) => pattern.test(words));
  if (entry === undefined) throw new Error(`Expected scripts/docs.ts to know \`${words}\` in Chinese`);
  return words.replace(...entry).replaceAll('`, `', '`、`');
}

/** A default that is a value stands in code; one that is words does not. */
function shownDefault(setting: Setting<unknown>, language: 'en' | 'zh'): string {
  const text = setting.shownDefault;
  if (text === '') return '–';
  if (!setting.secret) return `\`${text}\``;
  return language === 'en' ? text : inChinese(text);
}

function row(setting: Setting<unknown>, language: 'en' | 'zh'): string {
  const [name, ...aliases] = setting.names;
  const aliasWord = language === 'en' ? 'alias' : '别名';
  const names = [`\`${name}\``, ...aliases.map(alias => `${aliasWord} \`${alias}\``)].join('<br>');
  const unit = setting.unit ?? '';
  const cells =
    language === 'en'
      ? [names, setting.expected + (unit && `, ${unit}`), shownDefault(setting, 'en'), setting.meaning]
      : [
          names,
          inChinese(setting.expected) + (unit && `，单位${UNITS_ZH[unit] ?? unit}`),
          shownDefault(setting, 'zh'),
          setting.meaningZh,
        ];
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** The page about settings in one language. */
export function configurationPage(language: 'en' | 'zh'): string {
  const head = language === 'en' ? '| Name | Value | Default | Meaning |' : '| 名称 | 取值 | 默认 | 含义 |';
  const sections = (Object.keys(GROUPS) as Group[]).map(group => {
    const rows = all.filter(setting => setting.group === group).map(setting => row(setting, language));
    return `## ${GROUPS[group][language]}\n\n${head}\n|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return [INTRODUCTION[language], ...sections].join('\n');
}

/** A file that sets nothing until a line of it is uncommented. */
export function environmentExample(): string {
  const sections = (Object.keys(GROUPS) as Group[]).map(group => {
    const entries = all
      .filter(setting => setting.group === group)
      .map(setting => {
        const unit = setting.unit === undefined ? '' : `, ${setting.unit}`;
        const words =
          setting.secret && setting.shownDefault !== ''
            ? ` Default: ${setting.shownDefault.replace(/^none: (.+)$/, 'none ($1)')}.`
            : '';
        const value = setting.secret ? '' : setting.shownDefault;
        return `# ${setting.meaning} Value: ${setting.expected}${unit}.${words}\n#${setting.names[0]}=${value}\n`;
      });
    return `# ---- ${GROUPS[group].en} ----\n\n${entries.join('\n')}`;
  });
  return [ENV_INTRODUCTION, ...sections].join('\n');
}

/** Path under the repository → text, of every file that is printed from the table. */
export function printedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/configuration.md', configurationPage('en')],
    ['docs/configuration.zh-CN.md', configurationPage('zh')],
    ['.env.example', environmentExample()],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of printedFiles()) {
    writeFileSync(join(import.meta.dirname, '..', path), text);
    console.log(path);
  }
}
