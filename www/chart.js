// @ts-check
// Progress over time, with a tick for each request and a cross for each that failed. Drawn anew a few times a
// second as a handful of paths, so that hundreds of requests cost no more than ten.

import { svgElement } from "./element.js";
import { counted, duration, percent } from "./words.js";

/** @import { Session } from "./session.js" */

const HEIGHT = 136;
const MARGIN = { top: 10, right: 12, bottom: 36, left: 46 };
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600];
const LEAST_SPAN = 10_000;

/** @param {SVGSVGElement} svg */
export function createChart(svg) {
  let width = 0;
  let drawn = "";
  const axes = svgElement("g");
  const area = svgElement("path", { class: "chart-area" });
  const line = svgElement("path", { class: "chart-line" });
  const head = svgElement("circle", { class: "chart-head", r: 4 });
  const requests = svgElement("path", { class: "chart-request" });
  const failed = svgElement("path", { class: "chart-failed" });
  svg.append(axes, area, line, requests, failed, head);
  new ResizeObserver(([entry]) => {
    width = entry?.contentRect.width ?? 0;
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    drawn = "";
  }).observe(svg);

  const bottom = HEIGHT - MARGIN.bottom;
  /** @param {number} overall */
  const y = (overall) => bottom - overall * (bottom - MARGIN.top);

  /** @param {number} x @param {number} y @param {"middle" | "end"} anchor @param {string} text */
  const label = (x, y, anchor, text) => svgElement("text", { class: "chart-label", x, y, "text-anchor": anchor }, text);

  /** @param {number} span @param {(at: number) => number} x */
  function drawAxes(span, x) {
    const room = (width - MARGIN.left - MARGIN.right) / 56;
    const step = (STEPS.find((seconds) => span / 1000 / seconds <= room) ?? span / 1000) * 1000;
    axes.replaceChildren();
    for (const share of [0, 0.5, 1]) {
      axes.append(
        svgElement("path", { class: "chart-grid", d: `M${MARGIN.left} ${y(share)}H${width - MARGIN.right}` }),
        label(MARGIN.left - 8, y(share) + 4, "end", `${share * 100} %`),
      );
    }
    for (let at = 0; at <= span; at += step) {
      axes.append(label(x(at), HEIGHT - 4, "middle", duration(at)));
    }
  }

  /** @param {Session | undefined} session @param {number} now */
  return (session, now) => {
    if (width === 0) return;
    const samples = session?.samples ?? [];
    const marks = session?.requests ?? [];
    const overall = samples.at(-1)?.overall ?? 0;
    const failures = marks.filter((mark) => mark.outcome === "failed");
    // A quarter of a second is less than a pixel, so what is drawn already may stay.
    const state = `${Math.floor(now / 250)} ${samples.length} ${marks.length} ${failures.length}`;
    if (state === drawn) return;
    drawn = state;

    const span = Math.max(LEAST_SPAN, now * 1.04);
    /** @param {number} at */
    const x = (at) => Math.round((MARGIN.left + (at / span) * (width - MARGIN.left - MARGIN.right)) * 10) / 10;
    drawAxes(span, x);

    // Progress is known at the answers only: steps, not slopes that nobody measured.
    const points = samples.map((sample) => `H${x(sample.at)}V${y(sample.overall).toFixed(1)}`).join("");
    const path = `M${x(0)} ${y(0)}${points}H${x(now)}`;
    line.setAttribute("d", path);
    area.setAttribute("d", `${path}V${bottom}H${x(0)}z`);
    head.setAttribute("cx", String(x(now)));
    head.setAttribute("cy", String(y(overall)));

    const row = bottom + 7;
    const others = marks.filter((mark) => mark.outcome !== "failed");
    requests.setAttribute("d", others.map((mark) => `M${x(mark.at)} ${row}v8`).join(""));
    failed.setAttribute("d", failures.map((mark) => `M${x(mark.at) - 3.5} ${row + 0.5}l7 7m0-7l-7 7`).join(""));
    svg.setAttribute("data-requests", String(marks.length));
    svg.setAttribute("data-failed", String(failures.length));
    const told = `${percent(overall)} % after ${duration(now)}, ${counted(marks.length, "request")}`;
    svg.setAttribute("aria-label", `Progress over time: ${told}, ${failures.length} of them failed.`);
  };
}
