/** What stands above a table: filter, conditions as a row of switches with their counts, and sorting for screens without heads. */
import { h, replace, setText, uniqueId } from "../core/dom.js";
import { compact } from "../rules/format.js";
import { formatSort, parseSort } from "../rules/sorting.js";
import { icon } from "./icons.js";

/**
 * @param {object} options of the table
 * @param {{filter: string, condition: string, sort: import("../rules/sorting.js").Sort | null}} state as read from the address
 * @param {(change: object) => void} choose
 */
export function createTools(options, state, choose) {
  const filter = options.filter ? filterField(options.filter, state.filter, (text) => choose({ filter: text })) : null;
  const conditions = createConditions(options.conditions, (condition) => choose({ condition }));
  const sorting = createSorting(options, state, (sort) => choose({ sort }));
  const parts = [filter?.element, conditions.element, sorting.element].filter(Boolean);
  const wideParts = filter !== null || options.conditions.length > 0;
  return {
    element: h(`div.tools${wideParts ? "" : ".tools-narrow"}`, parts),
    /** @param {any} table */
    draw(table) {
      if (filter && document.activeElement !== filter.input) filter.input.value = table.filter;
      conditions.draw(table.rows, table.condition);
      sorting.draw(table.sort);
    },
  };
}

function filterField(label, text, onText) {
  const input = h("input", {
    type: "search",
    placeholder: label,
    "aria-label": label,
    autocomplete: "off",
    spellcheck: "false",
    value: text,
  });
  input.addEventListener("input", () => onText(input.value.trim()));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (input.value === "") input.blur();
    input.value = "";
    onText("");
  });
  return { input, element: h("div.filter", icon("search"), input) };
}

function createConditions(conditions, onCondition) {
  const all = { id: "", label: "All", test: () => true };
  const buttons = (conditions.length ? [all, ...conditions] : []).map((condition) => {
    const count = h("span.count");
    const button = h(
      "button.switch",
      { type: "button", "aria-pressed": "false", onclick: () => onCondition(condition.id) },
      condition.label,
      " ",
      count,
    );
    return { condition, count, button };
  });
  return {
    element: buttons.length
      ? h(
          "div.switches",
          { role: "group", "aria-label": "Which rows" },
          buttons.map(({ button }) => button),
        )
      : null,
    draw(rows, chosen) {
      for (const { condition, count, button } of buttons) {
        setText(count, compact(rows.filter(condition.test).length));
        button.setAttribute("aria-pressed", String(condition.id === chosen));
      }
    },
  };
}

function createSorting({ columns }, state, onSort) {
  const sortable = columns.filter((column) => column.sortable !== false);
  const ids = sortable.map((column) => column.id);
  const id = uniqueId("sort");
  const select = h("select", { id });
  replace(
    select,
    sortable.flatMap((column) => [option(column, "asc"), option(column, "desc")]),
  );
  select.addEventListener("change", () => onSort(parseSort(select.value, ids, null)));
  return {
    element: h("div.sorting", h("label", { for: id }, "Sort by"), select),
    draw(sort) {
      if (sort) select.value = formatSort(sort);
    },
  };
}

function option(column, direction) {
  const words = column.orders ?? (column.numeric ? { asc: "lowest first", desc: "highest first" } : { asc: "A to Z", desc: "Z to A" });
  return h("option", { value: formatSort({ id: column.id, direction }) }, `${column.label}, ${words[direction]}`);
}
