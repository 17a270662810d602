//! What may be stored, what comes back, and how the rest is refused.

use js_sys::{Array, JSON, Object, Reflect, Uint8Array, eval};
use roundtable_core::datatype::Value;
use roundtable_web::api::value::{from_js, to_js};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

fn js(code: &str) -> JsValue {
    eval(&format!("({code})")).unwrap()
}

fn refused(code: &str) -> String {
    from_js(&js(code)).unwrap_err().to_string()
}

fn there_and_back(code: &str) -> JsValue {
    let value = from_js(&js(code)).unwrap();
    to_js(&Value::decode(&value.encode()).unwrap(), false)
}

fn text(value: &JsValue) -> String {
    String::from(JSON::stringify(value).unwrap())
}

#[wasm_bindgen_test]
fn json_comes_back_as_it_was() {
    for code in [
        "null",
        "true",
        "0",
        "-1.5e300",
        "9007199254740991",
        r#""""#,
        r#""ä € 😀 \ufffd""#,
        "[]",
        "[1,[2,[3]],{}]",
        r#"{"a":{"b":[null,false]},"z":"x"}"#,
    ] {
        assert_eq!(text(&there_and_back(code)), text(&js(code)));
    }
    assert!(Object::is(&there_and_back("-0"), &JsValue::from(-0.0)));
}

#[wasm_bindgen_test]
fn bytes_come_back_anywhere() {
    let back = there_and_back("{ list: [new Uint8Array([1, 2, 255])] }");
    let list = Array::from(&Reflect::get(&back, &"list".into()).unwrap());
    assert_eq!(Uint8Array::new(&list.get(0)).to_vec(), [1, 2, 255]);
    assert!(list.get(0).is_instance_of::<Uint8Array>());
}

#[wasm_bindgen_test]
fn undefined_properties_are_dropped() {
    assert_eq!(text(&there_and_back("{ a: undefined, b: { c: undefined } }")), r#"{"b":{}}"#);
}

#[wasm_bindgen_test]
fn a_property_named_proto_is_a_property() {
    let back = there_and_back(r#"JSON.parse('{"__proto__": {"polluted": true}}')"#);
    assert_eq!(text(&back), r#"{"__proto__":{"polluted":true}}"#);
    assert!(Reflect::get(&back, &"polluted".into()).unwrap().is_undefined());
    let root = Reflect::get_prototype_of(&js("{}")).unwrap();
    assert_eq!(Reflect::get_prototype_of(&back).unwrap(), root);
}

#[wasm_bindgen_test]
fn what_has_no_prototype_comes_back_with_the_plain_one() {
    let back = there_and_back("Object.assign(Object.create(null), { a: 1 })");
    assert_eq!(text(&back), r#"{"a":1}"#);
    assert_eq!(Reflect::get_prototype_of(&back).unwrap(), Reflect::get_prototype_of(&js("{}")).unwrap());
}

#[wasm_bindgen_test]
fn what_is_not_storable_is_refused_with_the_way_to_it() {
    for (code, message) in [
        ("{ items: [0, 1, 2, NaN] }", "value.items[3]: NaN cannot be stored"),
        ("Infinity", "value: Infinity cannot be stored"),
        ("[-Infinity]", "value[0]: -Infinity cannot be stored"),
        (r#"{ a: "\ud800" }"#, "value.a: text with a lone surrogate cannot be stored"),
        (r#"{ "\udc00": 1 }"#, "value: a property whose name has a lone surrogate cannot be stored"),
        ("{ when: new Date(0) }", "value.when: a Date cannot be stored; store its getTime() or toISOString()"),
        ("new Map()", "value: a Map cannot be stored; store Object.fromEntries(map)"),
        ("[new Set()]", "value[0]: a Set cannot be stored; store [...set]"),
        ("{ f: () => 1 }", "value.f: a function cannot be stored"),
        ("{ n: 1n }", "value.n: a bigint cannot be stored; use a number or a string"),
        ("{ 'a b': Symbol() }", r#"value["a b"]: a symbol cannot be stored"#),
        ("[, 1]", "value[0]: undefined cannot be stored; use null, or leave the property out"),
        ("undefined", "value: undefined cannot be stored; use null, or leave the property out"),
        ("new (class Basket {})()", "value: a Basket cannot be stored; store a plain object"),
        ("new Float32Array(1)", "value: a Float32Array cannot be stored; store it as a Uint8Array"),
        ("new Number(1)", "value: a Number cannot be stored; store a plain object"),
        ("{ get a() { throw new TypeError('no') } }", "value.a: reading it threw TypeError no"),
        ("new Proxy({}, { ownKeys() { throw 'never' } })", "value: reading it threw  never"),
    ] {
        assert_eq!(refused(code), message, "{code}");
    }
    let revoked = refused("(() => { const p = Proxy.revocable([], {}); p.revoke(); return p.proxy; })()");
    assert!(revoked.starts_with("value: reading it threw TypeError"), "{revoked}");
}

#[wasm_bindgen_test]
fn a_cycle_is_refused_rather_than_followed() {
    let message = refused("(() => { const a = {}; a.a = a; return a; })()");
    assert!(message.starts_with("value.a.a.a.") && message.contains("is it a cycle?"), "{message}");
    let tower = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(refused(&tower(66)).contains("nested deeper than 64"));
    assert_eq!(text(&there_and_back(&tower(64))), tower(64));
}

#[wasm_bindgen_test]
fn what_is_frozen_is_frozen_all_the_way_down() {
    let value = from_js(&js("{ a: [{ b: 1 }] }")).unwrap();
    let frozen = to_js(&value, true);
    let a = Reflect::get(&frozen, &"a".into()).unwrap();
    let b = Reflect::get(&a, &0.into()).unwrap();
    assert!([&frozen, &a, &b].into_iter().all(|object| Object::is_frozen(object.unchecked_ref::<Object>())));
    assert!(!Object::is_frozen(to_js(&value, false).unchecked_ref::<Object>()));
}
