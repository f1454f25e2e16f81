// Runs graphene's own test files with mocha and writes "pass NAME", "fail NAME" or "skip NAME" for each test; why goes to
// standard error. Arguments: the folder with the tests, which require ../build/graphene, and one of its files.
//
// The signing tests make their key pairs as session objects. Where the token refuses that, the test that makes the pair
// fails, and those after it go on with the token's own pair of that kind, so that they try what they are about.
const path = require("path");
const graphene = require("graphene-pk11");
const Mocha = require("mocha");

const [folder, file] = process.argv.slice(2);
let refusal = null;

function own(session, keyType) {
    const label = keyType === graphene.KeyType.RSA ? process.env.SUITE_RSA : process.env.SUITE_EC;
    const find = (objectClass) => session.find({ class: objectClass, keyType, label }).items(0).toType();
    return { publicKey: find(graphene.ObjectClass.PUBLIC_KEY), privateKey: find(graphene.ObjectClass.PRIVATE_KEY) };
}

const generate = graphene.Session.prototype.generateKeyPair;
graphene.Session.prototype.generateKeyPair = function (mechanism, publicTemplate, privateTemplate, ...rest) {
    try {
        return generate.call(this, mechanism, publicTemplate, privateTemplate, ...rest);
    } catch (error) {
        if (!process.env.SUITE_RSA || rest.length > 0) throw error;
        refusal = error;
        return own(this, publicTemplate.keyType);
    }
};

const mocha = new Mocha({ reporter: class {}, timeout: 120000 });
mocha.addFile(path.resolve(folder, file));
const name = (test) => test.titlePath().map((title) => title.replace(/[^A-Za-z0-9.-]+/g, "_")).join(".");
const tell = (result, test, error) => {
    console.log(`${result} ${name(test)}`);
    if (error) console.error(`${name(test)}: ${error.message}`);
};
mocha
    .run()
    .on("test", () => (refusal = null))
    .on("pass", (test) => tell(refusal ? "fail" : "pass", test, refusal))
    .on("fail", (test, error) => tell("fail", test, error))
    .on("pending", (test) => tell("skip", test))
    .on("end", () => process.exit(0));
