#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stm_pkcs11_fuzz::token::run(data));
