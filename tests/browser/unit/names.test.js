import assert from "node:assert/strict";
import { test } from "node:test";
import { nameFault } from "../../../static/js/rules/names.js";

test("every legal character and length is taken", () => {
  for (const name of ["a", "orders.v1_new-2", "A".repeat(64), "tmp#ephemeral", `${"b".repeat(54)}#ephemeral`]) {
    assert.equal(nameFault("topic", name), null, name);
  }
});

test("what is no name is refused in words", () => {
  const cases = [
    ["", "Type a name for the topic."],
    ["#ephemeral", "Type a name for the topic."],
    ["<script>alert(1)</script>", "“<”"],
    ["two words", "a space"],
    ["größe", "“ö”"],
    ["🍵", "“🍵”"],
    ["a#b", "“#”"],
    ["a".repeat(65), "has 65"],
    [`${"b".repeat(55)}#ephemeral`, "has 65"],
  ];
  for (const [name, part] of cases) assert.ok(nameFault("topic", name)?.includes(part), `${name}: ${nameFault("topic", name)}`);
  assert.ok(nameFault("channel", "").includes("channel"));
});
