"use strict";
/* Draws the charts of the page, and fills in the numbers of the selected period, group and priority.
   The numbers are in the page: see numbers.py for what they are. Nothing is requested. */
(() => {
  const data = JSON.parse(document.getElementById("numbers").textContent);
  const find = (query) => document.querySelector(query);
  const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

  // ------------------------------------------------------------------ texts
  const count = (number) => (number == null ? "–" : number.toLocaleString("en-US"));
  const parts = (big, small, minutes) => {
    const [many, few, size] = [Math.floor(minutes / big), Math.floor((minutes % big) / small), small];
    const units = size === 1 ? ["h", "min"] : ["d", "h"];
    return few ? `${many} ${units[0]} ${few} ${units[1]}` : `${many} ${units[0]}`;
  };
  const duration = (minutes) => {
    if (minutes == null) return "–";
    if (minutes < 60) return `${minutes} min`;
    return minutes < 1440 ? parts(60, 1, minutes) : parts(1440, 60, minutes);
  };
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const day = (iso) => `${Number(iso.slice(8))} ${MONTHS[Number(iso.slice(5, 7)) - 1]}`;
  const arrow = (change) => (change > 0 ? "▲" : change < 0 ? "▼" : "");
  const percent = (part, whole) => `${(100 * part / whole).toFixed(1)}%`;
  const changed = ([now, before], period) => {
    if (now == null || !before) return "";
    const change = Math.round(100 * (now - before) / before);
    return `${arrow(change)} ${Math.abs(change)}% against the ${period.name} before`.trim();
  };

  // --------------------------------------------------------------- elements
  const element = (name, attributes = {}, ...children) => {
    const made = name.startsWith("svg:")
      ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value != null) made.setAttribute(key, value);
    made.append(...children.filter((child) => child != null));
    return made;
  };
  const svg = (name, attributes, ...children) => element(`svg:${name}`, attributes, ...children);
  const fill = (query, ...children) => find(query)?.replaceChildren(...children);
  const rows = (query, lines, labels) => fill(`${query} tbody`, ...lines.map((line) =>
    element("tr", {}, ...line.map((cell, place) => element(place ? "td" : "th", {
      scope: place ? null : "row", class: place && typeof cell === "string" ? "n" : null,
      "data-label": labels && place ? labels[place] : null,
    }, ...[cell].flat())))));
  const headings = (query) => [...document.querySelectorAll(`${query} thead th`)].map((cell) => cell.textContent);

  // ----------------------------------------------------------------- charts
  /* The top of a scale: its half is a round number, too. */
  const DURATIONS = [20, 30, 60, 120, 240, 480, 720, 1440, 2880, 5760, 8640, 11520, 14400, 20160];
  const NUMBERS = [4, 6, 8, 10, 12, 16, 20, 24, 30];
  const ceiling = (most, steps) => {
    const power = Math.max(1, 10 ** Math.floor(Math.log10(most / steps[0])));
    const factor = steps === DURATIONS ? Math.ceil(most / 20160) : power;
    return steps.map((step) => step * factor).find((step) => step >= most) ?? steps[0] * factor * 10;
  };
  const frame = (holder, height, described) => {
    const width = Math.max(200, holder.clientWidth);
    return [width, svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": described })];
  };
  /* Draws lines or bars over time, with a readable scale and a tooltip for each day or week. */
  const overTime = (query, { series, starts, format, isDuration, bars, area }) => {
    const holder = find(query);
    if (!holder) return;
    const [height, top, bottom] = [124, 8, 18];
    const known = series.flatMap((each) => each.values).filter((value) => value != null);
    if (!known.length) return holder.replaceChildren(element("p", { class: "sub" }, "Nothing in this period."));
    const limit = ceiling(Math.max(1, ...known), isDuration ? DURATIONS : NUMBERS);
    const left = 8 + 6.2 * Math.max(format(limit).length, format(limit / 2).length);
    const [width, picture] = frame(holder, height, series.map((each) => each.name).join(", ") +
      `, from ${format(Math.min(...known))} to ${format(Math.max(...known))}. The table below has the numbers.`);
    const step = (width - left - 2) / starts.length;
    const x = (place) => left + step * (place + .5);
    const y = (value) => top + (height - top - bottom) * (1 - value / limit);
    for (const value of [0, limit / 2, limit]) {
      picture.append(
        svg("line", { class: "gridline", x1: left, x2: width, y1: y(value), y2: y(value) }),
        svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, value ? format(value) : "0"));
    }
    for (const [place, anchor] of [[0, "start"], [Math.floor(starts.length / 2), "middle"], [starts.length - 1, "end"]]) {
      const at = anchor === "start" ? left : anchor === "end" ? width : x(place);
      picture.append(svg("text", { x: at, y: height - 3, "text-anchor": anchor }, day(starts[place])));
    }
    for (const [number, { values }] of series.entries()) {
      if (bars) {
        values.forEach((value, place) => value && picture.append(svg("rect", {
          class: "bar", x: x(place) - step * .36, width: step * .72, y: y(value), height: y(0) - y(value), rx: 1 })));
        continue;
      }
      let path = "";
      values.forEach((value, place) => {
        if (value == null) return;
        path += `${path && values[place - 1] != null ? "L" : "M"}${x(place).toFixed(1)},${y(value).toFixed(1)}h0`;
      });
      if (area && values.every((value) => value != null)) {
        picture.append(svg("path", { class: "area", d: `${path}V${y(0)}H${x(0)}z` }));
      }
      picture.append(svg("path", { class: number ? "series two" : "series", d: path }));
    }
    starts.forEach((start, place) => picture.append(
      svg("rect", { class: "spot", x: left + step * place, width: step, y: top, height: height - top - bottom },
        svg("title", {}, `${data.weekly ? "Week from " : ""}${day(start)}: ` +
          series.map((each) => `${each.name} ${format(each.values[place])}`).join(", ")))));
    holder.replaceChildren(picture);
  };
  const heatMap = (query, hours) => {
    const holder = find(query);
    if (!holder) return;
    const most = Math.max(1, ...hours);
    const [width, picture] = frame(holder, 130, "Tickets opened by weekday and hour. The table below has the numbers.");
    const step = (width - 32) / 24;
    hours.forEach((number, place) => {
      const [weekday, hour] = [Math.floor(place / 24), place % 24];
      picture.append(svg("rect", {
        class: number ? "heat" : "empty", x: 32 + step * hour, y: 16 * weekday, width: step - 2, height: 14, rx: 2,
        "fill-opacity": number ? (.12 + .88 * number / most).toFixed(2) : null,
      }, svg("title", {}, `${WEEKDAYS[weekday]} ${hour}:00 to ${hour + 1}:00: ${count(number)}`)));
    });
    WEEKDAYS.forEach((name, place) => picture.append(svg("text", { x: 0, y: 16 * place + 11 }, name)));
    for (const hour of [0, 6, 12, 18, 23]) {
      picture.append(svg("text", { x: 32 + step * (hour + .5) - 1, y: 126, "text-anchor": "middle" }, `${hour}`));
    }
    holder.replaceChildren(picture);
  };

  // ------------------------------------------------------------------- page
  const chosen = () => {
    const [period, group, priority] = ["period", "group", "priority"].map((name) => find(`#${name}`)?.value ?? "");
    return { period: Number(period), group, priority };
  };
  const nothing = { open: 0, ages: data.cells[","].ages.map(() => 0), late: 0, soon: 0, days: {}, weeks: {}, periods: data.periods.map(() => ({})), hours: [], oldest: [] };
  const cell = (group, priority) => data.cells[`${group},${priority}`] ?? nothing;
  const counted = (values, period, name) => values[name] ?? [period.zero(name), period.zero(name)];

  const show = () => {
    const { period: place, group, priority } = chosen();
    const period = { ...data.periods[place], zero: (name) => (data.counted.includes(name) ? 0 : null) };
    data.weekly = period.series === "weeks";
    const now = cell(group, priority);
    const starts = data.starts[period.series].slice(-period.count);
    const none = (name) => starts.map(() => (name === "open" && data.has.backlog ? 0 : period.zero(name)));
    const series = (name) => now[period.series][name]?.slice(-period.count) ?? none(name);
    const total = (name) => counted(now.periods[place], period, name);
    for (const head of document.querySelectorAll(".unit")) head.textContent = data.weekly ? "Week from" : "Day";
    const table = (id, format, ...names) => rows(`#${id} details`, starts.map((start, at) =>
      [day(start), ...names.map((name) => format(series(name)[at]))]));

    const open = series("open");
    const before = open.find((value) => value != null);
    const oldest = oldestOf(group, priority);
    fill("#open .big", count(now.open));
    fill("#open .sub", before == null || open.length < 2 ? "" :
      `${arrow(now.open - before)} ${count(Math.abs(now.open - before))} since ${day(starts[open.indexOf(before)])}`.trim());
    fill("#open .more", oldest.length ? `the oldest for ${duration(oldest[0][3])}` : "");
    overTime("#open .chart", { series: [{ name: "open", values: open }], starts, format: count, area: true });
    table("open", count, "open");

    const [opened, solved] = [total("opened"), total("solved")];
    const flows = data.has.solved ? ["opened", "solved"] : ["opened"];
    fill("#flow .big", ...flows.flatMap((name) => [count(total(name)[0]), element("small", {}, ` ${name} `)]));
    fill("#flow .sub", changed(opened, period) && `opened: ${changed(opened, period)}`);
    fill("#flow .more", data.has.solved ? (opened[0] === solved[0] ? "as many solved as opened" :
      `${count(Math.abs(opened[0] - solved[0]))} more ${opened[0] > solved[0] ? "opened than solved" : "solved than opened"}`) : "");
    overTime("#flow .chart", { series: flows.map((name) => ({ name, values: series(name) })), starts, format: count });
    table("flow", count, ...flows);

    for (const name of ["reply", "resolution"]) {
      const business = total(`${name}_business`)[0];
      fill(`#${name} .big`, duration(total(name)[0]), element("small", {}, " median"));
      fill(`#${name} .sub`, changed(total(name), period));
      fill(`#${name} .more`, `90% within ${duration(total(`${name}_90`)[0])}` +
        (business == null ? "" : `; median ${duration(business)} in business hours`));
      overTime(`#${name} .chart`, {
        series: [{ name: "median", values: series(name) }, { name: "90th percentile", values: series(`${name}_90`) }],
        starts, format: duration, isDuration: true,
      });
      table(name, duration, name, `${name}_90`);
    }

    const [due, breached] = [total("due")[0], total("breached")[0]];
    fill("#breaches .big", count(breached), element("small", {}, ` of ${count(due)} targets missed`));
    fill("#breaches .sub", changed(total("breached"), period));
    fill("#breaches .more", `${due ? `${percent(due - breached, due)} met. ` : ""}Now open: ${count(now.late)} past a target, ${count(now.soon)} due in 24 hours`);
    overTime("#breaches .chart", { series: [{ name: "missed", values: series("breached") }], starts, format: count, bars: true });
    rows("#breaches details", starts.map((start, at) => [day(start), count(series("due")[at]), count(series("breached")[at])]));

    const hours = now.hours[place] ?? Array(168).fill(0);
    const busiest = hours.indexOf(Math.max(...hours));
    fill("#hours .more", `${count(hours.reduce((sum, number) => sum + number, 0))} tickets opened`);
    fill("#hours .big", hours[busiest] ? `${WEEKDAYS[Math.floor(busiest / 24)]} ${busiest % 24}:00` : "–");
    heatMap("#hours .chart", hours);
    rows("#hours details", Array.from({ length: 24 }, (_, hour) =>
      [`${hour}:00`, ...WEEKDAYS.map((_, weekday) => count(hours[24 * weekday + hour]))]));

    showGroups(place, period, group, priority);
    showOldest(oldest);
    const most = Math.max(1, ...now.ages);
    rows("#ages", now.ages.map((number, at) => [[data.ages[at], meter(number, most)], count(number)]));
    fill("#selected", `${period.title}, ${group === "" ? "all groups" : data.groups[group]}, ${priority === "" ? "all priorities" : data.priorities[priority]}`);
  };
  const meter = (number, most) => element("span", { class: "meter" },
    svg("svg", { width: "100%", height: 5, "aria-hidden": "true" }, svg("rect", { class: "track", width: "100%", height: 5, rx: 2 }),
      svg("rect", { width: `${100 * number / most}%`, height: 5, rx: 2 })));
  const showGroups = (place, period, group, priority) => {
    const labels = headings("#groups");
    const lines = data.groups.map((name, at) => [name, cell(at, priority), at])
      .filter(([, , at]) => group === "" || String(at) === group)
      .sort((one, other) => other[1].open - one[1].open);
    const most = Math.max(1, ...lines.map(([, each]) => each.open));
    rows("#groups", lines.map(([name, each]) => [[name, meter(each.open, most)], count(each.open), ...data.columns.map((column) => {
      const [value] = counted(each.periods[place], period, column);
      return data.counted.includes(column) ? count(value) : duration(value);
    })]), labels);
  };
  const oldestOf = (group, priority) => {
    const lines = [];
    for (const [key, each] of Object.entries(data.cells)) {
      const [g, p] = key.split(",");
      if ((group === "" || g === group) && (priority === "" || p === priority)) {
        for (const ticket of each.oldest) lines.push([...ticket, g, p]);
      }
    }
    return lines.sort((one, other) => other[3] - one[3]).slice(0, data.listed);
  };
  const showOldest = (lines) => {
    const labels = headings("#oldest");
    rows("#oldest", lines.map(([id, subject, status, minutes, url, g, p]) => [
      url ? element("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, id) : id,
      ...(data.subjects ? [element("span", {}, subject ?? "–")] : []),
      element("span", {}, status ?? "–"),
      ...(data.priorities.length ? [element("span", {}, data.priorities[p])] : []),
      ...(data.groups.length ? [element("span", {}, data.groups[g])] : []),
      duration(minutes),
    ]), labels);
  };

  for (const details of document.querySelectorAll("details")) details.open = false;
  const form = find("form");
  form.hidden = false;
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; show(); } });
  show();
})();
