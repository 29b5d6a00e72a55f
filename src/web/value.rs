//! JavaScript values as they come: members of objects of any make, and what the core has this host read.
//! Nothing here may throw, whatever an object's getters do; nor do what is known to throw,
//! for each exception that crosses into Rust costs a slot of wasm-bindgen's table for good (the one
//! made for the value that the call did not return).

use crate::core::host::Host;
use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::*;

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

/// An object whose members may be read.
pub(super) fn loose(value: JsValue) -> Option<Loose> {
    (value.is_object() || value.is_function()).then(|| value.unchecked_into())
}

/// Sets a property of an object that was just made here.
pub(super) fn set(object: &JsValue, key: &str, value: &JsValue) {
    let _ = Reflect::set(object, &key.into(), value);
}

#[wasm_bindgen]
extern "C" {
    /// A response, or what belongs to one, of whatever make: what each request reads, by getters of its own, for a
    /// name that crosses each time costs more than the reading.
    pub(super) type Loose;
    #[wasm_bindgen(method, getter, structural, catch)]
    pub(super) fn redirected(this: &Loose) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch)]
    pub(super) fn status(this: &Loose) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch)]
    pub(super) fn headers(this: &Loose) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch)]
    pub(super) fn get(this: &Loose) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch)]
    pub(super) fn body(this: &Loose) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch, js_name = getReader)]
    pub(super) fn get_reader(this: &Loose) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch)]
    pub(super) fn read(this: &Loose) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch)]
    pub(super) fn done(this: &Loose) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch)]
    pub(super) fn value(this: &Loose) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = Number)]
    fn to_number(text: &str) -> f64;
}

/// The host that runs JavaScript.
pub(super) enum JavaScript {}

impl Host for JavaScript {
    fn decimal(text: &str) -> Option<f64> {
        Some(to_number(text))
    }
}
