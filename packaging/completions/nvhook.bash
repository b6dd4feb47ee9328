# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
_nvhook() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} line
  local -a words
  # nvhook serve is nvhook-companion.
  if [[ ${COMP_WORDS[1]} == serve && $COMP_CWORD -gt 1 ]]; then
    declare -F _nvhook_companion >/dev/null || _completion_loader nvhook-companion 2>/dev/null
    declare -F _nvhook_companion >/dev/null && _nvhook_companion
    return
  fi
  case $before in
    --bundle | --driver-root | --dev-root | --proc-root | --sys-root)
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      compopt -o filenames 2>/dev/null
      return
      ;;
    --config | --debug)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      compopt -o filenames 2>/dev/null
      return
      ;;
    --format)
      words=(text json)
      ;;
    reapply)
      words=(--pid --config --debug --help)
      ;;
    cleanup)
      words=(--config --debug --help)
      ;;
    info)
      words=(--nvml --format --config --driver-root --dev-root --proc-root --sys-root --debug
        --help)
      ;;
    config)
      words=(--format --config --driver-root --dev-root --proc-root --sys-root --debug --help)
      ;;
    list)
      words=(--capability --format --config --driver-root --dev-root --proc-root --sys-root --debug
        --help)
      ;;
    --capability)
      words=(compute compat32 graphics utility video display ngx)
      ;;
    --pid)
      return
      ;;
    *)
      words=(prestart createRuntime poststop reapply cleanup info list config serve
        --dry-run --bundle --format --config --driver-root --dev-root --proc-root --sys-root
        --debug --help --version)
      ;;
  esac
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -W "${words[*]}" -- "$word")
}
complete -F _nvhook nvhook
