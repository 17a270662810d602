import { join } from "/roundtable/index.js";

const list = document.getElementById("list");
const item = document.getElementById("item");
const union = (carts) => [...new Set(carts.flat())].sort();

const mesh = await join({ room: "kitchen" });
const carts = mesh.bucket("carts", { merge: union });

carts.watch("alice", ({ value = [] }) => {
  list.replaceChildren(...value.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
});
item.onchange = async () => {
  const bought = item.value;
  item.value = "";
  const receipt = await carts.update("alice", (cart = []) => union([cart, bought]), { level: "local" });
  receipt.onProgress(({ reached, devices }) => console.log(`reached ${reached}, on ${devices} devices`));
};
