// A page of docs/ that a test runs from top to bottom: its sections with their fenced blocks, and the
// comparison of what came out with what the page shows.
import assert from 'node:assert/strict';

// [{ title, blocks: [{ language, text, line }] }]
export function sectionsOf(page) {
  const sections = [];
  let block;
  for (const [i, line] of page.split('\n').entries()) {
    if (block) {
      if (line !== '```') block.text += `${line}\n`;
      else block = undefined;
    } else if (line.startsWith('## ')) {
      sections.push({ title: line.slice(3), blocks: [] });
    } else if (line.startsWith('```')) {
      block = { language: line.slice(3), text: '', line: i + 1 };
      sections.at(-1).blocks.push(block);
    }
  }
  return sections;
}

// As psql's columns are as wide as what is in them, runs of blanks and of dashes count as one. … is
// anything within a line, and on a line of its own any lines.
export function assertShows(output, expected, where) {
  const plain = (text) => text.replace(/-{2,}/g, '-').replace(/-\+-/g, '+').replace(/-/g, '-').split('\n')
    .map((line) => line.replace(/ +/g, ' ').trim()).join('\n').trim();
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = plain(expected).split('\n').map((line) =>
    (line === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(escaped).join('.*')}\\n`)).join('');
  assert.match(`\n${plain(output)}\n`, new RegExp(`\\n${pattern}`),
    `${where}\n--- came out:\n${output}--- should show:\n${expected}`);
}
