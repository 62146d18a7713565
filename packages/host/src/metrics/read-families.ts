import { request } from 'node:http';
import type { Endpoint, MetricFamily } from '@multigres/core';

/** Where `serveMetrics` gives its families to another process of ours. */
export const familiesPath = '/families';

const timeoutMs = 1_000;
const answerBytesMax = 16 * 1024 * 1024;

/** Asks another process of ours for its metrics. Rejects when it does not answer in time or not sensibly. */
export function readFamilies(endpoint: Endpoint): Promise<readonly MetricFamily[]> {
  const place = endpoint.kind === 'unix' ? { socketPath: endpoint.path } : { host: endpoint.host, port: endpoint.port };
  return new Promise((resolve, reject) => {
    const asked = request(
      { ...place, path: familiesPath, agent: false, signal: AbortSignal.timeout(timeoutMs) },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (piece: string) => {
          text += piece;
          if (text.length > answerBytesMax) answer.destroy(new Error('the answer is too long'));
        });
        answer.on('error', reject);
        answer.on('end', () => {
          try {
            resolve(JSON.parse(text) as readonly MetricFamily[]);
          } catch (error) {
            reject(error);
          }
        });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}
