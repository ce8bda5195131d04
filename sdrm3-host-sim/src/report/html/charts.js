// The pictures beside the timeline. Each is drawn to the width that it has.

const charts = {
  /** A histogram for each model; what lies behind the deadline stands out. */
  latency(place, width) {
    const left = Math.min(170, Math.max(146, width * 0.28)), right = 16, plot = width - left - right;
    const row = 74;
    const rows = data.models.map((model, index) => {
      const values = Float64Array.from([...model.in_time_us, ...model.late_us], (us) => us / 1000).sort();
      const deadline = model.deadline_us === null ? null : model.deadline_us / 1000;
      const top = index * row, base = top + 48;
      const name = label({ x: 0, y: top + 30, class: "strong" }, model.name, left - 8);
      const count = svg("text", { x: 0, y: top + 46, class: "soft" }, `${values.length} results${model.late_us.length ? `, ${model.late_us.length} late` : ""}`);
      if (!values.length) return svg("g", {}, name, count);
      const most = Math.max(values[values.length - 1], deadline || 0) * 1.04;
      const x = (ms) => left + (ms / most) * plot;
      const length = Math.max(20, Math.min(120, Math.floor(plot / 6))), wide = plot / length;
      const binned = (list) => {
        const bins = new Array(length).fill(0);
        for (const us of list) bins[Math.min(length - 1, Math.floor((us / 1000 / most) * length))] += 1;
        return bins;
      };
      const inTime = binned(model.in_time_us), late = binned(model.late_us);
      const highest = Math.max(...inTime.map((n, bin) => n + late[bin]));
      const height = (n) => (n ? Math.max(1.5, (n / highest) * 32) : 0);
      const bars = inTime.flatMap((n, bin) => {
        const rect = { x: left + bin * wide, width: Math.max(0.5, wide - 1) }, low = height(n), high = height(late[bin]);
        return [
          svg("rect", { ...rect, y: base - low, height: low, style: `fill:${colour(index)}` }),
          svg("rect", { ...rect, y: base - low - high, height: high, class: "over" }),
        ].filter((bar) => bar.getAttribute("height") > 0);
      });
      const quantile = (share) => values[Math.min(values.length - 1, Math.max(0, Math.ceil(share * values.length) - 1))];
      const said = `p50 ${figure(quantile(0.5))}, p95 ${figure(quantile(0.95))}, p99 ${milliseconds(quantile(0.99))}`;
      const marks = [
        svg("line", { x1: left, x2: left + plot, y1: base, y2: base, class: "axis" }),
        svg("text", { x: left, y: base + 14, class: "soft" }, said),
      ];
      if (deadline !== null) {
        marks.push(svg("line", { x1: x(deadline), x2: x(deadline), y1: top + 14, y2: base, class: "deadline" }));
        const at = Math.max(left + 40, Math.min(left + plot - 40, x(deadline)));
        marks.push(svg("text", { x: at, y: top + 11, "text-anchor": "middle", class: "soft" }, `due ${milliseconds(deadline)}`));
      } else {
        marks.push(svg("text", { x: left + plot, y: top + 11, "text-anchor": "end", class: "soft" }, "due with its parent"));
      }
      return svg("g", {}, name, count, ...bars, ...marks);
    });
    place.append(drawing(width, data.models.length * row, "Histograms of latency, one for each model", ...rows));
  },

  /** What each model took, beside the worst that it could take. */
  energy(place, width) {
    const left = Math.min(170, Math.max(146, width * 0.28)), row = 26, plot = width - left - 160;
    const most = Math.max(...data.models.map((model) => model.worst_energy_nj), 1);
    const rows = data.models.map((model, index) => {
      const y = index * row, wide = (nj) => Math.max(0, (nj / most) * plot);
      const share = model.worst_energy_nj ? ` (${percent(model.energy_nj / model.worst_energy_nj)})` : "";
      return svg("g", {},
        label({ x: 0, y: y + 16, class: "strong" }, model.name, left - 8),
        svg("rect", { x: left, y: y + 4, width: wide(model.energy_nj), height: 16, style: `fill:${colour(index)}` }),
        svg("rect", { x: left, y: y + 4, width: wide(model.worst_energy_nj), height: 16, class: "outline" }),
        svg("text", { x: left + wide(model.worst_energy_nj) + 6, y: y + 16 }, `${figure(model.energy_nj / 1e6)} mJ${share}`));
    });
    place.append(drawing(width, data.models.length * row + 4, "Energy of each model", ...rows));
  },

  /** Alpha and beta over time, and the way through their plane. */
  weights(place, width) {
    const points = data.weights, narrow = width < 640;
    const wide = narrow ? width : width - 290, high = 200, left = 34;
    const x = (ms) => left + (ms / data.duration_ms) * (wide - left - 12), y = (weight) => 14 + (1 - weight / 2) * (high - 40);
    const curve = (which) => {
      let path = "";
      points.forEach((point, index) => {
        path += index ? `H${x(point[0])}V${y(point[which])}` : `M${x(point[0])} ${y(point[which])}`;
      });
      return path + `H${x(data.duration_ms)}`;
    };
    const rule = (value) => [
      svg("line", { x1: left, x2: wide - 12, y1: y(value), y2: y(value), class: "axis" }),
      svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", class: "soft" }, `${value}`),
    ];
    const last = points[points.length - 1];
    const over = drawing(wide, high, "The weights over time",
      ...[0, 1, 2].flatMap(rule),
      svg("path", { d: curve(1), style: `fill:none;stroke:${colour(0)};stroke-width:2` }),
      svg("path", { d: curve(2), style: `fill:none;stroke:${colour(1)};stroke-width:2;stroke-dasharray:6 3` }),
      svg("text", { x: left, y: high - 6, class: "soft" }, "0 ms"),
      svg("text", { x: wide - 12, y: high - 6, "text-anchor": "end", class: "soft" }, `${data.duration_ms} ms`),
      svg("text", { x: wide / 2, y: high - 6, "text-anchor": "middle" },
        `alpha ${figure(last[1])} (solid), beta ${figure(last[2])} (dashed) at the end`));
    const size = 200, at = (weight) => 34 + (weight / 2) * 150, up = (weight) => 14 + (1 - weight / 2) * 150;
    const path = points.map((point, index) => `${index ? "L" : "M"}${at(point[1])} ${up(point[2])}`).join("");
    const dot = (point, style) => svg("circle", { cx: at(point[1]), cy: up(point[2]), r: 5, style });
    const plane = drawing(size, size, "The path in the plane of alpha and beta",
      svg("rect", { x: at(0), y: up(2), width: 150, height: 150, class: "outline" }),
      svg("path", { d: path, style: `fill:none;stroke:${colour(2)};stroke-width:1.5` }),
      dot(points[0], "fill:none;stroke:var(--ink);stroke-width:2"), dot(last, `fill:${colour(2)}`),
      svg("text", { x: at(1), y: 184, "text-anchor": "middle" }, "alpha, 0 to 2"),
      svg("text", { x: 0, y: 0, transform: `translate(24 ${up(1)}) rotate(-90)`, "text-anchor": "middle" }, "beta, 0 to 2"),
      svg("text", { x: at(0), y: 198, class: "soft" }, "ring: start, dot: end"));
    place.style.cssText = narrow ? "" : `display:grid;grid-template-columns:minmax(0,1fr) 230px;gap:60px;align-items:start`;
    if (narrow) plane.style.maxWidth = "230px";
    place.append(over, plane);
  },

  /** Shares of the sub-networks of each model that has several. */
  subnetworks(place, width) {
    for (const model of data.models.filter((model) => model.subnetworks.length > 1)) {
      const sum = model.subnetworks.reduce((all, one) => all + one.frames, 0) || 1;
      let from = 0;
      const said = [];
      const bars = model.subnetworks.map((one, which) => {
        const wide = (one.frames / sum) * width, x = from;
        from += wide;
        const accuracy = one.accuracy === null ? "" : ` (${one.accuracy.toFixed(1)} % accurate)`;
        said.push(`${one.name}${accuracy}: ${percent(one.frames / sum)}`);
        const style = `fill:${colour(0)};opacity:${1 - (0.8 * which) / model.subnetworks.length}`;
        return svg("rect", { x, y: 0, width: Math.max(0, wide), height: 18, style });
      });
      place.append(html("figure", {}, html("figcaption", {}, model.name),
        drawing(width, 18, `Shares of the sub-networks of ${model.name}`, ...bars), html("p", { class: "hint" }, said.join(", "))));
    }
  },

  /** A bar for each policy, a group for each cell; where no frame was counted a dash. */
  comparison(place) {
    const left = Math.min(180, Math.max(96, ...data.policies.map((name) => extent(name) + 12)));
    const wide = 264 + left, row = 20, plot = wide - left - 70;
    const of = (group) => {
      const known = group.costs.filter((cost) => cost !== null);
      const best = Math.min(...known), least = Math.min(best, group.bound ?? best);
      const most = Math.min(Math.max(0, ...known), (best || 1e-9) * 10) || 1;
      const x = (cost) => left + (Math.min(cost, most) / most) * plot;
      const bars = group.costs.flatMap((cost, index) => {
        const y = index * row, cut = cost > most * (1 + 1e-9);
        const place = { x: left - 8, y: y + 14, "text-anchor": "end", class: cost === best ? "strong" : "" };
        const name = label(place, data.policies[index], left - 8);
        if (cost === null) return [name, svg("text", { x: left + 6, y: y + 14, class: "soft" }, "–")];
        return [
          name,
          svg("rect", { x: left, y: y + 3, width: Math.max(1, x(cost) - left), height: row - 6, class: cost === best ? "best" : "bar" }),
          svg("text", { x: x(cost) + 5, y: y + 14 }, `${cut ? "» " : ""}${cost < 0.0995 ? cost.toFixed(4) : figure(cost)}`),
        ];
      });
      const high = group.costs.length * row;
      if (group.bound !== null) {
        bars.push(svg("line", { x1: x(least), x2: x(least), y1: 0, y2: high, class: "bound" }));
        bars.push(svg("text", { x: x(least), y: high + 13, class: "soft" }, `no policy can beat ${figure(group.bound)}`));
      }
      return html("figure", {}, html("figcaption", {}, group.name),
        drawing(wide, high + (group.bound === null ? 0 : 18), `UXCost of ${group.name} under each policy`, ...bars));
    };
    place.append(html("div", { class: "grid" }, ...data.groups.map(of)));
  },
};
