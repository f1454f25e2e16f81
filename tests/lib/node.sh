# shellcheck shell=bash
# Node.js packages from npm, in a folder that all tests share. npm builds pkcs11js with make, Python and the C++ compiler.

# node_with PACKAGE@VERSION...: sets NODE_PATH to a folder that has them.
node_with() {
    local folder=$TARGET/test-node package missing=()
    mkdir -p "$TARGET"
    (
        flock 9
        for package; do
            [[ -d $folder/node_modules/${package%@*} ]] || missing+=("$package")
        done
        [[ ${#missing[@]} -eq 0 ]] ||
            HOME=$USER_HOME npm install --loglevel=error --no-fund --no-audit --prefix "$folder" "${missing[@]}" 9>&-
    ) 9>"$TARGET/test-node.lock"
    export NODE_PATH=$folder/node_modules
}
