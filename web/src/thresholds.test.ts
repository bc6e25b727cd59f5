import { describe, expect, it } from 'vitest';
import { fromField, THRESHOLDS, toField, type Threshold, type ThresholdField } from './thresholds';
import schema from './wire/schema.json';

interface Bounded {
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

const properties = schema.$defs.Thresholds.properties as Record<string, Bounded>;
const FIELDS = Object.keys(THRESHOLDS) as ThresholdField[];

describe('thresholds', () => {
  it('are those of the server, all of them', () =>
    expect(FIELDS.toSorted()).toEqual(Object.keys(properties).toSorted()));

  it.each(FIELDS)('%s has the bounds that the server holds it to', field => {
    const { min, max, exclusive }: Threshold = THRESHOLDS[field];
    const told = properties[field]!;
    expect(min).toBe(told.minimum ?? told.exclusiveMinimum);
    expect(max).toBe(told.maximum ?? told.exclusiveMaximum ?? null);
    expect(exclusive === 'min' || exclusive === 'both').toBe(told.exclusiveMinimum !== undefined);
    expect(exclusive === 'max' || exclusive === 'both').toBe(told.exclusiveMaximum !== undefined);
  });

  it('are typed as people speak and come back as they were', () => {
    expect(toField('memory_pressure', 0.9)).toBe(90);
    expect(toField('memory_pressure', 0.07)).toBe(7);
    expect(fromField('memory_pressure', 92.5)).toBe(0.925);
    expect(fromField('console_log_bytes', toField('console_log_bytes', 1 << 30))).toBe(1 << 30);
    expect(fromField('gpu_temperature', null)).toBeNull();
    expect(fromField('gpu_temperature', NaN)).toBeNull();
  });
});
