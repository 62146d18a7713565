import type { Peer } from '../peers/peer.ts';
import type { Skipped } from '../suites/skipped.ts';

/** Who was measured, in which version, how started and how set; and who was not, and why. */
export function peerSection(peers: readonly Peer[], skipped: readonly Skipped[]): string {
  const present = peers.map(
    ({ title, version, settings, command }) => `- **${title}** (${version}): \`${command}\`; ${settings.join(', ')}`,
  );
  return [...present, ...skipped.map(({ title, reason }) => `- **${title}** was left out: ${reason}`)].join('\n');
}
