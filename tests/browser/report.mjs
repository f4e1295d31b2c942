// Opens pages in headless Chromium by its driver (W3C WebDriver, with fetch alone), in light and dark, on a phone and on a desk, and prints
// one JSON object a fault: what leaves the page, text that cannot be read, what axe finds. Screenshots go to a folder.
//
//     node report.mjs AXE.js FOLDER PAGE.html..
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [axe, folder, ...pages] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "velum-browser-"));
const driver = spawn(process.env.CHROMEDRIVER ?? "chromedriver", ["--port=0"], { stdio: ["ignore", "pipe", "inherit"] });
const port = await new Promise((found, failed) => {
  let said = "";
  driver.stdout.on("data", (text) => {
    said += text;
    const port = /successfully on port (\d+)/.exec(said);
    if (port) found(port[1]);
  });
  driver.on("exit", () => failed(new Error(`the driver ended: ${said}`)));
  driver.on("error", failed);
});

async function call(method, path, body) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) });
  const { value } = await answer.json();
  if (!answer.ok) throw new Error(`${path}: ${value?.error}: ${value?.message}`);
  return value;
}

// What a reader would miss. Runs in the page.
function look() {
  const faults = [];
  const width = document.documentElement.clientWidth;
  const name = (element) => `${element.tagName.toLowerCase()} ${(element.textContent ?? "").trim().slice(0, 60)}`;
  if (document.documentElement.scrollWidth > width) faults.push(["overflow", `the page is ${document.documentElement.scrollWidth} wide`]);
  const scrolls = (element) => {
    for (let at = element; at; at = at.parentElement) if (["auto", "scroll"].includes(getComputedStyle(at).overflowX)) return true;
    return false;
  };
  for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    if (element.ownerSVGElement || scrolls(element)) continue;
    if (box.right > width + 0.5 || box.left < -0.5) faults.push(["overflow", name(element)]);
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || ["TITLE", "STYLE", "title"].includes(parent.tagName)) continue;
    const style = getComputedStyle(parent);
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (!(box.width > 0 && box.height > 0) || style.visibility !== "visible" || Number(style.opacity) < 1) faults.push(["lost text", name(parent)]);
    for (let at = parent; at; at = at.parentElement) {
      const clips = ["hidden", "clip"].includes(getComputedStyle(at).overflowX);
      if (clips && (at.scrollWidth > at.clientWidth + 1 || at.scrollHeight > at.clientHeight + 1)) faults.push(["lost text", `clipped: ${name(parent)}`]);
    }
    const scale = parent.ownerSVGElement ? parent.getScreenCTM().d : 1;
    if (!parent.closest("[transform]") && parseFloat(style.fontSize) * scale < 10) faults.push(["lost text", `${parseFloat(style.fontSize) * scale} px: ${name(parent)}`]);
  }
  for (const picture of document.querySelectorAll("svg")) {
    const frame = picture.getBoundingClientRect();
    const words = [...picture.querySelectorAll("text")].map((word) => [word, word.getBoundingClientRect()]);
    for (const [k, [word, box]] of words.entries()) {
      const out = box.left < frame.left - 0.5 || box.right > frame.right + 0.5 || box.top < frame.top - 0.5 || box.bottom > frame.bottom + 0.5;
      if (out) faults.push(["lost text", `outside of its picture: ${name(word)}`]);
      for (const [other, at] of words.slice(k + 1)) {
        const apart = box.right <= at.left || at.right <= box.left || box.bottom <= at.top + 1 || at.bottom <= box.top + 1;
        if (!apart) faults.push(["lost text", `${name(word)} lies on ${name(other)}`]);
      }
    }
  }
  for (const image of document.images) if (!image.complete || image.naturalWidth === 0) faults.push(["lost picture", image.src.slice(0, 40)]);
  for (const loaded of performance.getEntriesByType("resource")) if (!loaded.name.startsWith("data:")) faults.push(["loads", loaded.name]);
  return { faults, paper: getComputedStyle(document.body).backgroundColor };
}

const devices = [
  ["phone", { width: 390, height: 844, deviceScaleFactor: 1, mobile: true }],
  ["desk", { width: 1280, height: 900, deviceScaleFactor: 1, mobile: false }],
];
let count = 0;
const fault = (page, view, [kind, what]) => {
  count += 1;
  console.log(JSON.stringify({ page, view, kind, what }));
};
let session;
try {
  const flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
  const options = { args: [...flags.split(" "), `--user-data-dir=${profile}`] };
  if (process.env.CHROMIUM) options.binary = process.env.CHROMIUM;
  const begun = await call("POST", "/session", { capabilities: { alwaysMatch: { "goog:chromeOptions": options } } });
  session = `/session/${begun.sessionId}`;
  const cdp = (cmd, params) => call("POST", `${session}/goog/cdp/execute`, { cmd, params });
  const run = (script, args = []) => call("POST", `${session}/execute/async`, { script, args });
  const source = readFileSync(axe, "utf8");
  for (const page of pages) {
    const papers = new Set();
    for (const scheme of ["light", "dark"]) {
      for (const [device, metrics] of devices) {
        const view = `${scheme}-${device}`;
        await cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
        await cdp("Emulation.setDeviceMetricsOverride", metrics);
        await call("POST", `${session}/url`, { url: pathToFileURL(resolve(page)).href });
        const { faults, paper } = await run(`arguments[0]((${look})())`);
        papers.add(paper);
        faults.forEach((found) => fault(page, view, found));
        const found = await run(`const [source, done] = arguments; (0, eval)(source); axe.run(document).then((r) => done(r.violations), (e) => done([{ id: String(e), nodes: [] }]))`, [source]);
        for (const { id, nodes } of found) fault(page, view, ["axe", `${id}: ${nodes.map((node) => node.html).slice(0, 2).join(" ")}`]);
        const { data } = await cdp("Page.captureScreenshot", { format: "png", captureBeyondViewport: true });
        writeFileSync(join(folder, `${basename(page, ".html")}-${view}.png`), Buffer.from(data, "base64"));
      }
    }
    if (papers.size !== 2) fault(page, "all", ["scheme", `light and dark have the same paper: ${[...papers]}`]);
  }
} finally {
  if (session) await call("DELETE", session).catch(() => {});
  driver.removeAllListeners("exit");
  driver.kill();
  rmSync(profile, { recursive: true, force: true });
}
process.exitCode = count > 0 ? 1 : 0;
