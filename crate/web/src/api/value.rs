//! JavaScript values as the core's values, and back.
//!
//! What goes in is JSON and `Uint8Array`s; all else is refused with the path to it, because what is stored must be what
//! is read, on every node and for good. Own enumerable properties count; one that is undefined is dropped. What comes
//! out is fresh, with plain prototypes, and `__proto__` is a property like any other.

use core::fmt;

use js_sys::{Array, JsString, Object, Reflect, Uint8Array};
use roundtable_core::datatype::{DEPTH_MAX, Value};
use wasm_bindgen::prelude::*;

// An object may be a proxy, so even these may throw; js-sys has them without `catch`.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = Object, js_name = keys)]
    fn object_keys(object: &JsValue) -> Result<Array, JsValue>;
    #[wasm_bindgen(catch, js_namespace = Array, js_name = isArray)]
    fn is_array(value: &JsValue) -> Result<bool, JsValue>;
}

/// How much of a path a message shows.
const PATH_CHARS_MAX: usize = 160;

/// Why something cannot be stored, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// From the value to what was refused: `value.items[3]`.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

enum Step {
    Index(u32),
    Field(String),
}

/// The value that this is, or why it is none.
pub fn from_js(js: &JsValue) -> Result<Value, Refusal> {
    let mut reader = Reader { path: Vec::new() };
    reader.value(js).map_err(|why| Refusal { path: display_path(&reader.path), why })
}

struct Reader {
    path: Vec<Step>,
}

impl Reader {
    /// On an error the path is left where the trouble is.
    fn value(&mut self, js: &JsValue) -> Result<Value, String> {
        if js.is_null() {
            Ok(Value::Null)
        } else if let Some(bool) = js.as_bool() {
            Ok(Value::Bool(bool))
        } else if let Some(number) = js.as_f64() {
            if number.is_finite() {
                Ok(Value::Number(number))
            } else {
                Err(format!("{} cannot be stored", name_of(number)))
            }
        } else if let Some(text) = js.dyn_ref::<JsString>() {
            well_formed(text).map(Value::Text).ok_or_else(|| "text with a lone surrogate cannot be stored".into())
        } else if js.is_undefined() {
            Err("undefined cannot be stored; use null, or leave the property out".into())
        } else if js.is_bigint() {
            Err("a bigint cannot be stored; use a number or a string".into())
        } else if js.is_symbol() {
            Err("a symbol cannot be stored".into())
        } else if js.is_function() {
            Err("a function cannot be stored".into())
        } else if let Some(bytes) = js.dyn_ref::<Uint8Array>() {
            Ok(Value::Bytes(bytes.to_vec()))
        } else if self.path.len() >= DEPTH_MAX {
            Err(format!("nested deeper than {DEPTH_MAX}, which cannot be stored; is it a cycle?"))
        } else if is_array(js).map_err(|error| thrown(&error))? {
            self.list(js)
        } else {
            self.map(js)
        }
    }

    fn list(&mut self, js: &JsValue) -> Result<Value, String> {
        let length = Reflect::get(js, &"length".into()).map_err(|error| thrown(&error))?;
        let length = length.as_f64().unwrap_or_default() as u32;
        let mut items = Vec::new();
        for index in 0..length {
            let item = Reflect::get_u32(js.unchecked_ref(), index);
            self.path.push(Step::Index(index));
            items.push(self.value(&item.map_err(|error| thrown(&error))?)?);
            self.path.pop();
        }
        Ok(Value::List(items))
    }

    fn map(&mut self, js: &JsValue) -> Result<Value, String> {
        if let Some(kind) = unusual_kind(js)? {
            return Err(kind);
        }
        let mut fields = Vec::new();
        for key in object_keys(js).map_err(|error| thrown(&error))?.iter() {
            let field = Reflect::get(js, &key);
            let Some(name) = key.dyn_ref::<JsString>().and_then(well_formed) else {
                return Err("a property whose name has a lone surrogate cannot be stored".into());
            };
            self.path.push(Step::Field(name.clone()));
            let field = field.map_err(|error| thrown(&error))?;
            if !field.is_undefined() {
                fields.push((name, self.value(&field)?));
            }
            self.path.pop();
        }
        Ok(Value::Map(fields))
    }
}

fn name_of(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// Text that is the same after the journey through UTF-8.
fn well_formed(text: &JsString) -> Option<String> {
    let utf8 = String::from(text);
    // The conversion puts U+FFFD where a lone surrogate was; only then is it worth looking twice.
    (!utf8.contains('\u{fffd}') || text.is_valid_utf16()).then_some(utf8)
}

/// What an object is if it is not a plain one, as a reason to refuse it. Plain means that its prototype is null or the
/// root of some page's prototypes.
fn unusual_kind(js: &JsValue) -> Result<Option<String>, String> {
    let prototype_of = |object: &JsValue| -> Result<JsValue, String> {
        Reflect::get_prototype_of(object).map(JsValue::from).map_err(|error| thrown(&error))
    };
    let prototype = prototype_of(js)?;
    if prototype.is_null() || prototype_of(&prototype)?.is_null() {
        return Ok(None);
    }
    let constructor = Reflect::get(js, &"constructor".into()).ok().filter(JsValue::is_object_or_function);
    let name = constructor.and_then(|constructor| Reflect::get(&constructor, &"name".into()).ok()?.as_string());
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "class instance".into());
    let instead = match name.as_str() {
        "Date" => "store its getTime() or toISOString()",
        "Map" => "store Object.fromEntries(map)",
        "Set" => "store [...set]",
        "ArrayBuffer" | "SharedArrayBuffer" | "DataView" | "Int8Array" | "Uint8ClampedArray" | "Int16Array"
        | "Uint16Array" | "Int32Array" | "Uint32Array" | "Float32Array" | "Float64Array" => "store it as a Uint8Array",
        _ => "store a plain object",
    };
    let article = if name.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
    Ok(Some(format!("{article} {name} cannot be stored; {instead}")))
}

trait ObjectOrFunction {
    fn is_object_or_function(&self) -> bool;
}

impl ObjectOrFunction for JsValue {
    fn is_object_or_function(&self) -> bool {
        self.is_object() || self.is_function()
    }
}

fn thrown(error: &JsValue) -> String {
    let (name, message) = crate::host::describe_error(error);
    format!("reading it threw {name} {message}").trim_end().into()
}

fn display_path(steps: &[Step]) -> String {
    let mut path = String::from("value");
    for step in steps {
        match step {
            Step::Index(index) => path.push_str(&format!("[{index}]")),
            Step::Field(name) if is_identifier(name) => path.extend([".", name]),
            Step::Field(name) => path.push_str(&format!("[{name:?}]")),
        }
        if path.len() > PATH_CHARS_MAX {
            path = path.chars().take(PATH_CHARS_MAX).collect();
            path.push('…');
            break;
        }
    }
    path
}

fn is_identifier(name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    name.starts_with(|c: char| word(c) && !c.is_numeric()) && name.chars().all(word)
}

/// The value as fresh JavaScript; `frozen` all the way down, apart from byte arrays, which cannot be.
pub fn to_js(value: &Value, frozen: bool) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        Value::Bool(bool) => JsValue::from(*bool),
        Value::Number(number) => JsValue::from(*number),
        Value::Text(text) => JsValue::from(text.as_str()),
        Value::Bytes(bytes) => Uint8Array::from(bytes.as_slice()).into(),
        Value::List(items) => {
            let array: Array = items.iter().map(|item| to_js(item, frozen)).collect();
            if frozen { Object::freeze(&array).into() } else { array.into() }
        }
        Value::Map(fields) => {
            let object = Object::new();
            for (name, value) in fields {
                set_own(&object, name, &to_js(value, frozen));
            }
            if frozen { Object::freeze(&object).into() } else { object.into() }
        }
    }
}

/// Assignment to `__proto__` would change the prototype, so that one is defined instead.
fn set_own(object: &Object, name: &str, value: &JsValue) {
    if name == "__proto__" {
        let yes = JsValue::TRUE;
        let descriptor = crate::host::plain_object(&[
            ("value", value.clone()),
            ("writable", yes.clone()),
            ("enumerable", yes.clone()),
            ("configurable", yes),
        ]);
        Object::define_property(object, &name.into(), &descriptor);
    } else {
        // A fresh object takes any property.
        let _ = Reflect::set(object, &name.into(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_the_code_that_gets_there() {
        let steps = [Step::Field("items".into()), Step::Index(3), Step::Field("a b".into()), Step::Field("0".into())];
        assert_eq!(display_path(&steps), r#"value.items[3]["a b"]["0"]"#);
    }

    #[test]
    fn a_path_that_has_no_end_is_cut() {
        let steps: Vec<Step> = (0..1000).map(Step::Index).collect();
        assert!(display_path(&steps).chars().count() <= PATH_CHARS_MAX + 1);
    }
}
