//! JavaScript values as they come: members of objects of any make, and parsed JSON behind the core's
//! own decoder. Nothing here may throw, whatever an object's getters do; nor do what is known to throw,
//! for each exception that crosses into Rust costs a slot of wasm-bindgen's table for good (the one
//! made for the value that the call did not return).

use crate::core::Millis;
use crate::core::json::Json;
use js_sys::{Array, Date, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// A property, or `undefined` where there is none or reading it throws.
pub(super) fn get(object: &JsValue, key: &str) -> JsValue {
    if !object.is_object() && !object.is_function() {
        return JsValue::UNDEFINED;
    }
    Reflect::get(object, &key.into()).unwrap_or_default()
}

pub(super) fn get_function(object: &JsValue, key: &str) -> Option<Function> {
    get(object, key).dyn_into().ok()
}

/// A text as JSON, if it is any. The host parses it within a promise: there, an exception is a value.
pub(super) async fn parse_json(text: &str) -> Option<JsValue> {
    let mut start = None;
    let begun = Promise::new(&mut |resolve, _| start = Some(resolve));
    let parse = get(&get(&js_sys::global(), "JSON"), "parse");
    let parsed = get_function(&begun, "then")?.call1(&begun, &parse).ok()?;
    let parsed = JsFuture::from(Promise::resolve(&parsed));
    // Not before somebody waits for it: should the module trap in between, nobody would take the exception.
    start?.call1(&JsValue::UNDEFINED, &text.into()).ok()?;
    parsed.await.ok()
}

/// Sets a property of an object that was just made here.
pub(super) fn set(object: &JsValue, key: &str, value: &JsValue) {
    let _ = Reflect::set(object, &key.into(), value);
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Number)]
    fn to_number(text: &str) -> f64;
}

impl Json for JsValue {
    fn is_object(&self) -> bool {
        JsValue::is_object(self) && !Array::is_array(self)
    }
    fn get(&self, key: &str) -> Option<Self> {
        Some(get(self, key)).filter(|value| !value.is_undefined())
    }
    fn strings(&self) -> Vec<String> {
        let members = self
            .dyn_ref::<Object>()
            .map(Object::values)
            .unwrap_or_default();
        members
            .iter()
            .filter_map(|member| member.as_string())
            .collect()
    }
    fn items(&self) -> Option<Vec<Self>> {
        Some(self.dyn_ref::<Array>()?.iter().collect())
    }
    fn as_text(&self) -> Option<String> {
        self.as_string()
    }
    fn as_number(&self) -> Option<f64> {
        self.as_f64()
    }
    fn parse_decimal(text: &str) -> Option<f64> {
        Some(to_number(text))
    }
    fn parse_date(text: &str) -> Option<Millis> {
        let at = Date::parse(text);
        (at >= 0.0).then_some(at as Millis)
    }
}
