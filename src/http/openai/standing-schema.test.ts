import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { standingFields, toStanding } from './standing-schema.js';

const schema = z.strictObject(standingFields);
const standing = (body: unknown, headers = {}): unknown => toStanding(schema.parse(body), headers);

describe('the priority', () => {
  test.each([
    [{}, 'normal'],
    [{ priority: 'high' }, 'high'],
    [{ priority: 'normal' }, 'normal'],
    [{ priority: 'batch' }, 'batch'],
    [{ service_tier: 'auto' }, 'normal'],
    [{ service_tier: 'default' }, 'normal'],
    [{ service_tier: 'priority' }, 'high'],
    [{ service_tier: 'flex' }, 'batch'],
    [{ priority: 'batch', service_tier: 'priority' }, 'batch'],
  ])('that %j asks for is %s', (body, priority) => {
    expect(standing(body)).toMatchObject({ priority });
  });

  test.each([
    { priority: 'urgent' },
    { priority: 1 },
    { service_tier: 'scale' },
    { service_tier: 'toString' },
  ])('can not be %j', (body) => {
    expect(schema.safeParse(body).success).toBe(false);
  });
});

describe('the fairness key', () => {
  const keyed = (key: string): object => ({ authorization: `Bearer ${key}` });

  test("is the user's of that API key, else the key, else nobody", () => {
    expect(standing({})).toMatchObject({ fairnessKey: '' });
    expect(standing({ user: 'ann' }, keyed('k'))).toEqual(standing({ user: 'ann' }, keyed('k')));
    expect(standing({ user: 'ann' }, keyed('k'))).not.toEqual(standing({ user: 'ann' }, keyed('l')));
    expect(standing({ user: 'ann' }, keyed('k'))).not.toEqual(standing({ user: 'bob' }, keyed('k')));
    expect(standing({ user: 'ann' }, keyed('k'))).not.toEqual(standing({}, keyed('k')));
    expect(standing({ user: 'ann' })).not.toEqual(standing({ user: 'bob' }));
    expect(standing({}, keyed('k'))).not.toEqual(standing({}, keyed('l')));
    expect(standing({ user: '' }, keyed('k'))).toEqual(standing({}, keyed('k')));
  });

  test('of a user is never that of an API key', () => {
    const { fairnessKey } = standing({}, keyed('k')) as { fairnessKey: string };
    expect(fairnessKey).not.toContain('Bearer');
    expect(standing({ user: fairnessKey.replace(/^key /, '') })).not.toMatchObject({ fairnessKey });
    expect(standing({ user: fairnessKey })).not.toMatchObject({ fairnessKey });
  });
});
