fn main(){ let a: Vec<_> = std::env::args().collect();
 let mut b = wasm_bindgen_cli_support::Bindgen::new(); b.input_path(&a[1]).bundler(true).unwrap().typescript(false).remove_name_section(true).remove_producers_section(true);
 b.generate(&a[2]).unwrap(); }
