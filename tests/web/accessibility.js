/**
 * Accessibility faults of the page that imports this: names, contrast, sizes, order. Returned as text.
 */

const MIN_CONTRAST = 4.5; // WCAG 2.2 AA, 1.4.3
const MIN_EDGE_CONTRAST = 3; // 1.4.11
const MIN_TARGET_PX = 24; // 2.5.8

const isVisible = (element) => element.checkVisibility({ visibilityProperty: true });
const named = (element) => `${element.tagName.toLowerCase()}#${element.id || element.textContent.trim().slice(0, 20)}`;

/** Everything that the Tab key reaches, in order. */
export function focusable() {
  const found = document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']");
  return [...found].filter((element) => isVisible(element) && !element.disabled && element.tabIndex >= 0);
}

export function faults() {
  return [
    ...missingNames(),
    ...lowContrasts(),
    ...faintEdges(),
    ...smallTargets(),
    ...structureFaults(),
    ...repeatedIds(),
  ];
}

function missingNames() {
  return focusable()
    .filter((element) => {
      const labels = [...(element.labels ?? [])].map((label) => label.textContent);
      const by = document.getElementById(element.getAttribute("aria-labelledby") ?? "")?.textContent;
      return ![element.getAttribute("aria-label"), by, element.textContent, ...labels].some((text) => text?.trim());
    })
    .map((element) => `${named(element)} has no name`);
}

function lowContrasts() {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const isLetters =
      walker.currentNode.textContent.trim() && !["SCRIPT", "NOSCRIPT", "OPTION"].includes(element.tagName);
    if (!isLetters || !isVisible(element) || element.closest(":disabled, .visually-hidden, .skip, noscript")) continue;
    const ratio = contrast(colour(getComputedStyle(element).color), background(element));
    if (ratio < MIN_CONTRAST) found.push(`${named(element)}: contrast ${ratio.toFixed(2)}`);
  }
  return found;
}

function faintEdges() {
  return focusable()
    .filter((element) => parseFloat(getComputedStyle(element).borderTopWidth) && !element.closest(".skip"))
    .map((element) => [
      element,
      contrast(colour(getComputedStyle(element).borderTopColor), background(element.parentElement)),
    ])
    .filter(([element, ratio]) => ratio < MIN_EDGE_CONTRAST && isDrawn(getComputedStyle(element).borderTopColor))
    .map(([element, ratio]) => `${named(element)}: edge contrast ${ratio.toFixed(2)}`);
}

function smallTargets() {
  return focusable()
    .filter((element) => !element.matches(".skip, input[type=checkbox]"))
    .map((element) => [element, element.getBoundingClientRect()])
    .filter(([, { width, height }]) => Math.min(width, height) < MIN_TARGET_PX)
    .map(([element, { width, height }]) => `${named(element)} is ${width} x ${height}`);
}

function structureFaults() {
  const found = [];
  if (!document.documentElement.lang) found.push("the page has no language");
  if (!document.title) found.push("the page has no title");
  for (const part of ["header", "main", "footer"]) {
    if (document.querySelectorAll(part).length !== 1) found.push(`not one ${part}`);
  }
  if (document.querySelectorAll("h1").length !== 1) found.push("not one main heading");
  if (document.querySelector("[tabindex]:not([tabindex='0'], [tabindex='-1'])")) found.push("a custom tab order");
  if (document.documentElement.scrollWidth > innerWidth) found.push(`wider than its window: ${innerWidth} px`);
  return found;
}

function repeatedIds() {
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  return ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `two elements are #${id}`);
}

/** Red, green, blue and opacity of a CSS colour, as rendered. */
function colour(css) {
  const paint = new OffscreenCanvas(1, 1).getContext("2d");
  paint.fillStyle = css;
  paint.fillRect(0, 0, 1, 1);
  return [...paint.getImageData(0, 0, 1, 1).data];
}

const isDrawn = (css) => colour(css)[3] > 0;

/** The nearest painted background behind an element. */
function background(element) {
  for (let at = element; at; at = at.parentElement) {
    const { backgroundColor } = getComputedStyle(at);
    if (isDrawn(backgroundColor)) return colour(backgroundColor);
  }
  return [255, 255, 255, 255];
}

function contrast(a, b) {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

function luminance([red, green, blue]) {
  const [r, g, b] = [red, green, blue].map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
