import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SilenceWatch } from './silence-watch.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a watch for silence', () => {
  test('tells when nothing is said for too long', () => {
    const told = vi.fn<() => void>();
    const watch = new SilenceWatch(100, told);
    watch.begin();
    vi.advanceTimersByTime(80);
    watch.heard();
    vi.advanceTimersByTime(80);
    expect(told).not.toHaveBeenCalled();
    vi.advanceTimersByTime(40);
    expect(told).toHaveBeenCalledOnce();
    expect(watch.silent).toBe(true);
    watch.heard();
    expect(watch.silent).toBe(false);
  });

  test('tells nothing when nothing is asked', () => {
    const told = vi.fn<() => void>();
    const watch = new SilenceWatch(100, told);
    watch.begin();
    watch.end();
    vi.advanceTimersByTime(1000);
    expect(told).not.toHaveBeenCalled();
    watch.begin();
    vi.advanceTimersByTime(200);
    expect(told).toHaveBeenCalledOnce();
  });

  test('hears what arrived while the event loop was blocked', () => {
    const told = vi.fn<() => void>();
    const watch = new SilenceWatch(100, told);
    watch.begin();
    // The timer runs first, then the messages, then what was put off until after them.
    setTimeout(() => watch.heard(), 100);
    vi.advanceTimersByTime(150);
    expect(told).not.toHaveBeenCalled();
  });
});
