// SPDX-License-Identifier: Apache-2.0
// What the tests measure in the page; each returns what is wrong.

// Elements that stick out of the page to the right. Empty if nothing can be scrolled to.
function overflowing() {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll('body *')]
    .filter((each) => each.getBoundingClientRect().right > width + 0.5)
    .map((each) => `${each.tagName}.${each.className} to ${each.getBoundingClientRect().right}`);
}

// Text with less contrast than WCAG 2.2 asks for at level AA (1.4.3), whatever its size.
function pale() {
  const parts = (color) => color.match(/^rgba?\(([^)]*)\)$/)[1].split(/[ ,/]+/).map(Number);
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const luminance = (color) => {
    const [red, green, blue] = parts(color).map((part) => linear(part / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    return (parts(color)[3] ?? 1) === 1 || !element.parentElement
      ? color
      : ground(element.parentElement);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({visibilityProperty: true})) {
      continue;
    }
    const [darker, lighter] = [getComputedStyle(element).color, ground(element)]
      .map(luminance)
      .sort((a, b) => a - b);
    const contrast = (lighter + 0.05) / (darker + 0.05);
    if (contrast < 4.5) found.push(`${walker.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
  }
  return found;
}

// Where the focus is; whether it is seen to be there.
function focused() {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const bar = document.querySelector('.bar');
  const covered = bar.contains(element) || element.matches('.skip')
    ? 0
    : bar.getBoundingClientRect().bottom;
  return {
    at: [...document.querySelectorAll('*')].indexOf(element),
    is: element.outerHTML.slice(0, 80),
    outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    visible: box.top >= covered && box.bottom <= innerHeight && box.left >= 0,
  };
}

// What is animated.
function moving() {
  return [document.documentElement, ...document.querySelectorAll('body, body *')]
    .map((each) => [each, getComputedStyle(each)])
    .filter(([, style]) => style.transitionDuration !== '0s' || style.animationName !== 'none'
      || style.scrollBehavior === 'smooth')
    .map(([each]) => each.tagName);
}
