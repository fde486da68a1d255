// Numbers and times as people read them.
"use strict";

const kNone = "–";

function formatCount(value) {
  return Math.round(value).toLocaleString("en-US");
}

// Three digits where there are few, none behind the point where there are many.
function formatNumber(value) {
  if (value == null || !isFinite(value)) return kNone;
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return formatCount(value);
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3).replace(/\.?0+$/, "");
}

function formatRate(value) {
  return value == null ? kNone : `${formatNumber(value)}/s`;
}

// From milliseconds, three digits and the unit that suits.
function formatLatency(ms) {
  if (ms == null || !isFinite(ms)) return kNone;
  if (ms === 0) return "0 ms";
  const [value, unit] = ms >= 60000 ? [ms / 60000, "min"] :
      ms >= 1000                    ? [ms / 1000, "s"] :
      ms >= 1                       ? [ms, "ms"] :
                                      [ms * 1000, "µs"];
  const decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(decimals)} ${unit}`;
}

// The same for the ticks of an axis: as short as it goes.
function formatLatencyTick(ms) {
  if (ms === 0) return "0";
  const [value, unit] = ms >= 60000 ? [ms / 60000, "min"] :
      ms >= 1000                    ? [ms / 1000, "s"] :
      ms >= 1                       ? [ms, "ms"] :
                                      [ms * 1000, "µs"];
  return `${+ value.toPrecision(3)} ${unit}`;
}

// As many decimals as tell it from 0 and from 1.
function formatShare(share) {
  if (share == null || !isFinite(share)) return kNone;
  if (share === 0 || share === 1) return `${100 * share}%`;
  const distance = Math.min(share, Math.abs(1 - share));
  const decimals = share > 1 ? 0 : distance >= 0.1 ? 1 : distance >= 0.0005 ? 2 : distance >= 0.00005 ? 3 : 4;
  return `${(100 * share).toFixed(decimals)}%`;
}

function formatShareTick(share) {
  return `${Math.round(100 * share)}%`;
}

// One that was asked for: as it was said.
function formatThreshold(share) {
  return `${+ (100 * share).toPrecision(6)}%`;
}

function formatSeconds(s) {
  if (s >= 120) return `${+ (s / 60).toFixed(1)} min`;
  return `${+ s.toFixed(s >= 10 ? 1 : 2)} s`;
}

function formatPercentile(percent) {
  return `${+ percent.toFixed(6)}%`;
}

function formatChange(measure, change) {
  if (change == null) return kNone;
  const percent = 100 * change;
  const sign = percent > 0 ? "+" : percent < 0 ? "−" : "±";
  const size = Math.abs(percent);
  const text = size >= 100 ? size.toFixed(0) : size >= 10 ? size.toFixed(1) : size.toFixed(2);
  return `${sign}${text}${measure === "share" ? " points" : "%"}`;
}

function formatMeasured(measure, value) {
  if (measure === "per_second") return formatRate(value);
  return measure === "share" ? formatShare(value) : formatLatency(value);
}
