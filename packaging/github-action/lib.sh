# shellcheck shell=bash
# Sourced by the scripts of the action.

# Where everything is that the action brings; the runner empties it after the job.
HOME_OF_ACTION=${RUNNER_TEMP:?is set by the runner}/stm-pkcs11

# stop WHAT WHY FIX: ends the step with a message that the job's page shows.
stop() {
    echo "::error title=stm-pkcs11::$1: $2; $3"
    exit 1
}

# is_on VALUE NAME: whether an input is true; anything but true or false is refused.
is_on() {
    case $1 in
        true) return 0 ;;
        false | '') return 1 ;;
        *) stop "input $2" "'$1' is not a valid value" "use true or false" ;;
    esac
}

# set_variable NAME VALUE [FILE]: for the steps that follow. A value with line breaks ends at a mark that is not in it.
set_variable() {
    local mark
    mark=end-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s<<%s\n%s\n%s\n' "$1" "$mark" "$2" "$mark" >>"${3:-$GITHUB_ENV}"
}
