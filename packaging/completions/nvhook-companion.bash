# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
_nvhook_companion() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} line
  local -a words
  case $before in
    --store | -d | --socket-directory | -s | --driver-root | --dev-root | --proc-root | --sys-root)
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      compopt -o filenames 2>/dev/null
      return
      ;;
    --config | --spec-file)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      compopt -o filenames 2>/dev/null
      return
      ;;
    --listen | -l | --allow-host)
      return
      ;;
    prune)
      words=(--store --config --driver-root --dev-root --proc-root --sys-root --help)
      ;;
    *)
      words=(prune --listen --listen-insecure --allow-host --hide-processes --socket-directory
        --spec-file --no-rest --no-volumes --store --config --driver-root --dev-root --proc-root
        --sys-root --help --version)
      ;;
  esac
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -W "${words[*]}" -- "$word")
}
complete -F _nvhook_companion nvhook-companion
