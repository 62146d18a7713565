import { readdirSync, statSync } from 'node:fs';
import { performance, PerformanceObserver } from 'node:perf_hooks';
import type { Labels, Metrics } from '@multigres/core';
import { descriptorsMax } from './descriptors-max.ts';

/** How often the loop is asked how late it is. */
const lagMs = 100;

/**
 * What an operator asks of any process, under the names that Prometheus's client libraries use, with the label `process` (gateway, pooler,
 * gateway/2 ...). It keeps a timer and an observer of the garbage collector going, so it is called only where metrics are served.
 */
export function observeProcess(metrics: Metrics, name: string, version: string): void {
  const labels: Labels = { process: name };
  const observe = (type: 'counter' | 'gauge', metric: string, help: string, value: () => number): void =>
    metrics.observe(type, metric, help, (report) => report(value(), labels));
  const build = { ...labels, version, node: process.versions.node };
  metrics.gauge('multigres_build_info', 'Always 1; the labels tell what runs.', build).set(1);
  observe('counter', 'process_cpu_seconds_total', 'CPU time, user and system.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  observe('gauge', 'process_start_time_seconds', 'When the process began, in seconds since 1970.', () =>
    Math.round(performance.timeOrigin / 1000),
  );
  observeMemory(observe);
  observe('gauge', 'process_open_fds', 'Open file descriptors.', openDescriptors);
  observe('gauge', 'process_max_fds', 'The limit of open file descriptors.', descriptorsMax);
  observeLoop(metrics, labels, observe);
  observeCollector(metrics, labels);
}

type Observe = (type: 'counter' | 'gauge', metric: string, help: string, value: () => number) => void;

function observeMemory(observe: Observe): void {
  observe('gauge', 'process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  observe(
    'gauge',
    'nodejs_heap_size_used_bytes',
    "What of JavaScript's heap is in use.",
    () => process.memoryUsage().heapUsed,
  );
  observe(
    'gauge',
    'nodejs_external_memory_bytes',
    'Memory of arrays outside of the heap.',
    () => process.memoryUsage().external,
  );
}

function observeLoop(metrics: Metrics, labels: Labels, observe: Observe): void {
  const help = 'Time that the event loop worked: the rate of it is how busy the process is, from 0 to 1.';
  observe(
    'counter',
    'multigres_loop_active_seconds_total',
    help,
    () => performance.eventLoopUtilization().active / 1000,
  );
  const lag = metrics.histogram(
    'multigres_loop_delay_seconds',
    `How late a timer of ${lagMs} ms came: what every query may have to wait for.`,
    labels,
  );
  let dueMs = performance.now() + lagMs;
  setInterval(() => {
    const nowMs = performance.now();
    lag.recordMs(nowMs - dueMs);
    dueMs = nowMs + lagMs;
  }, lagMs).unref();
}

const collectorKinds: Readonly<Record<number, string>> = {
  1: 'minor',
  2: 'minor',
  4: 'major',
  8: 'incremental',
  16: 'weak',
};

function observeCollector(metrics: Metrics, labels: Labels): void {
  const help = 'Pauses of the garbage collector.';
  // There from the start, so that a rate can be computed.
  for (const kind of ['minor', 'major']) metrics.histogram('nodejs_gc_duration_seconds', help, { ...labels, kind });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const kind =
        collectorKinds[(entry as { readonly detail?: { readonly kind?: number } }).detail?.kind ?? 0] ?? 'other';
      metrics.histogram('nodejs_gc_duration_seconds', help, { ...labels, kind }).recordMs(entry.duration);
    }
  }).observe({ entryTypes: ['gc'] });
}

/** Since Linux 6.2 the folder's size is their number; counting its entries takes long when there are many. */
function openDescriptors(): number {
  try {
    return statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length;
  } catch {
    return Number.NaN;
  }
}
