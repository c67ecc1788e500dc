// Readings and messages as the server sends them; times are seconds after noon.
const text = (second) => new Date(Date.UTC(2026, 10, 23, 12) + second * 1000).toISOString().replace("Z", "000Z");

export function reading(second, value, changes = {}) {
  return {
    id: `CNC-001_temperature_${second}`, machine_id: "CNC-001", sensor_type: "temperature", value, unit: "Cel",
    timestamp: text(second), received_at: text(second + 0.1), quality: "good", metadata: {}, late: false, ...changes,
  };
}

export const noon = (second = 0) => text(second);

export function machine(machine_id = "CNC-001", latest = null) {
  const sensors = [{ sensor_type: "temperature", unit: "Cel", stale_seconds: 300, latest }];
  return { machine_id, connectivity: latest ? "online" : "never_seen", sensors };
}

export function message(type, data, changes = {}) {
  return { type, machine_id: "CNC-001", timestamp: noon(), cursor: null, data, nowMs: 0, ...changes };
}
