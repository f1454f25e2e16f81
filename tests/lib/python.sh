# shellcheck shell=bash
# Python packages from PyPI, in a virtual environment that all tests share.

# python_with PACKAGE...: sets PYTHON to an interpreter that has them.
python_with() {
    local folder=$TARGET/test-python
    PYTHON=$folder/bin/python
    mkdir -p "$TARGET"
    (
        flock 9
        [[ -x $PYTHON ]] || python3 -m venv "$folder"
        HOME=$USER_HOME "$PYTHON" -m pip --quiet --disable-pip-version-check install "$@" 9>&-
    ) 9>"$TARGET/test-python.lock"
}
