// Three hands for one page: a mouse, a keyboard, a finger. Each presses, chooses and types by what is on the page, and
// none has a way that a person has not.
import assert from "node:assert/strict";

/** `press(locator)` as each would do it. */
export const hands = {
  mouse: {
    press: (locator) => locator.click(),
    type: async (locator, text) => {
      await locator.click({ clickCount: 3 });
      await locator.page().keyboard.type(text);
    },
  },
  keyboard: {
    press: async (locator) => {
      await tabTo(locator);
      await assertVisiblyFocused(locator);
      await locator.page().keyboard.press((await kind(locator)) === "box" ? "Space" : "Enter");
    },
    type: async (locator, text) => {
      await tabTo(locator);
      await locator.page().keyboard.press("ControlOrMeta+A");
      await locator.page().keyboard.type(text);
    },
  },
  touch: {
    press: (locator) => locator.tap(),
    type: async (locator, text) => {
      await locator.tap();
      await locator.page().keyboard.press("ControlOrMeta+A");
      await locator.page().keyboard.insertText(text);
    },
  },
};

const kind = (locator) =>
  locator.evaluate((element) => (element.matches("input[type=checkbox], input[type=radio]") ? "box" : ""));

/** By Tab alone, forwards or backwards, whichever is nearer; a radio is reached through its group by the arrows. */
async function tabTo(locator) {
  const { keyboard } = locator.page();
  const place = () =>
    locator.evaluate((element) => {
      const tabbable = [
        ...document.querySelectorAll("a[href], button, input, textarea, summary, [tabindex='0']"),
      ].filter((each) => !each.disabled && each.checkVisibility());
      const inModal = document.querySelector("dialog:modal");
      const list = inModal === null ? tabbable : tabbable.filter((each) => inModal.contains(each));
      return {
        there: document.activeElement === element,
        away: list.indexOf(element) - list.indexOf(document.activeElement),
        group: element.type === "radio" && document.activeElement?.name === element.name ? element.name : undefined,
        stops: list.length,
      };
    });
  await locator.scrollIntoViewIfNeeded();
  const { stops } = await place();
  for (let i = 0; i < stops + 5; i++) {
    const { there, away, group } = await place();
    if (there) return;
    const key = group !== undefined ? "ArrowDown" : away < 0 ? "Shift+Tab" : "Tab";
    // Half the way at once: a group of radios is one stop, so the number of stops is not known for sure.
    const times = group !== undefined ? 1 : Math.max(1, Math.floor(Math.abs(away) / 2));
    for (let n = 0; n < times; n++) await keyboard.press(key);
  }
  assert.fail(`${locator} cannot be reached by Tab`);
}

/** WCAG 2.4.7 and 2.4.11: focus is seen, and what has it is not hidden behind anything. */
async function assertVisiblyFocused(locator) {
  const seen = await locator.evaluate((element) => {
    const shown = element.closest("label.level") ?? element;
    const { outlineStyle, outlineWidth } = getComputedStyle(shown);
    const { left, top, width, height } = element.getBoundingClientRect();
    const front = document.elementFromPoint(left + width / 2, top + height / 2);
    const inView = front !== null && (element.contains(front) || front.contains(element));
    return { outline: outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2, inView };
  });
  assert.deepEqual(seen, { outline: true, inView: true }, `the focus on ${locator} is seen`);
}
