use wasm_bindgen::prelude::*;
#[wasm_bindgen]
pub struct Client { n: u32 }
#[wasm_bindgen]
impl Client {
    #[wasm_bindgen(constructor)]
    pub fn new(n: u32) -> Client { Client { n } }
    pub async fn go(&self) -> Result<JsValue, JsValue> { gloo_timers::future::TimeoutFuture::new(self.n).await; Ok(JsValue::NULL) }
}
