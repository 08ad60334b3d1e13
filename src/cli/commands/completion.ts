/** `completion`: prints the script that makes a shell complete the program's command line. */
import { COMPLETE, type Shell } from '../completion/shells.ts';
import type { CompletionFlags } from '../declarations/completion.ts';

/** Both ask the program as it was typed, so that they follow its version; where it has nothing to offer, files are offered. */
const SCRIPTS: Record<Shell, string> = {
  bash: `# Completion of splitz-onnx for bash.
_splitz_onnx() {
  local current=\${COMP_WORDS[COMP_CWORD]}
  # "=" is a word of its own to bash.
  [[ $current == = ]] && current=
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$("$1" ${COMPLETE} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "$current"))
}
complete -o default -F _splitz_onnx splitz-onnx
`,
  zsh: `#compdef splitz-onnx
# Completion of splitz-onnx for zsh.
_splitz_onnx() {
  local -a offers
  offers=("\${(@f)$("\${words[1]}" ${COMPLETE} "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${offers[1]}" ]]; then
    compadd -a offers
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" == _splitz-onnx ]]; then
  _splitz_onnx "$@"
else
  compdef _splitz_onnx splitz-onnx
fi
`,
};

export async function run({ shell }: CompletionFlags): Promise<void> {
  process.stdout.write(SCRIPTS[shell]);
}
