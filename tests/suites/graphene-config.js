// Prints the config.json of graphene's tests for the library in SUITE_LIBRARY and the PIN in SUITE_PIN: the values that the tests
// compare with, read by pkcs11js, which is below graphene.
const pkcs11js = require("pkcs11js");
const lib = process.env.SUITE_LIBRARY;
const pkcs11 = new pkcs11js.PKCS11();
pkcs11.load(lib);
pkcs11.C_Initialize();
const info = pkcs11.C_GetInfo();
const slots = pkcs11.C_GetSlotList(true);
const token = pkcs11.C_GetTokenInfo(slots[0]);
console.log(JSON.stringify({
    init: { lib, libName: "suite", pin: process.env.SUITE_PIN },
    controlValues: {
        module: { manufacturerID: info.manufacturerID.trim(), libraryDescription: info.libraryDescription.trim() },
        slot: {
            slotIndex: 0,
            token: {
                flags: token.flags, label: token.label.trim(), manufacturerID: token.manufacturerID.trim(),
                serialNumber: token.serialNumber.trim(), minPinLen: token.minPinLen,
            },
            mechanisms: pkcs11.C_GetMechanismList(slots[0]).length,
        },
        slotsCount: slots.length,
    },
}));
pkcs11.C_Finalize();
