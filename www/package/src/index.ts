// Roundtable: a leaderless, replicated key-value store in which every browser tab is a peer.
//
//   import { join } from "roundtable";
//   const mesh = await join({ room: "kitchen" });
//   const carts = mesh.bucket<Cart>("carts", { merge: unionOfItems });
//   await carts.put("alice", { items: ["tea"] });
//   const { value } = await carts.get("alice");
//
// This package converts and checks; everything else is the node's, in Rust.
export { RoundtableError } from "./error.js";
export { join } from "./join.js";
export type {
  AnyBucket,
  Bucket,
  BucketOptions,
  Change,
  Context,
  CounterBucket,
  ErrorCode,
  Held,
  IceServer,
  Invite,
  JoinOptions,
  KeepOptions,
  Level,
  MapBucket,
  Member,
  Mesh,
  MeshEvents,
  Metrics,
  Outcome,
  PutOptions,
  Read,
  ReadOptions,
  Receipt,
  SetBucket,
  Status,
  Storable,
  Token,
  Value,
  Vitals,
  WriteOptions,
} from "./types.js";
