// sallyport completion SHELL: a script that asks `sallyport __complete` for every candidate, so that it
// never has to be made anew when commands change.

import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';

const bash = `# sallyport completion for bash: source <(sallyport completion bash)
_sallyport() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <(sallyport __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [ "\${#COMPREPLY[@]}" -eq 0 ]; then
    compopt -o default 2>/dev/null
  fi
}
complete -F _sallyport sallyport
`;

const zsh = `#compdef sallyport
# sallyport completion for zsh: source <(sallyport completion zsh)
_sallyport() {
  local line
  local -a candidates
  while IFS= read -r line; do
    candidates+=("\${line/$'\\t'/:}")
  done < <(sallyport __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#candidates} )); then
    _describe 'sallyport' candidates
  else
    _files
  fi
}
compdef _sallyport sallyport
`;

const fish = `# sallyport completion for fish: sallyport completion fish | source
function __sallyport_complete
  set -l words (commandline -opc) (commandline -ct)
  sallyport __complete $words[2..-1] 2>/dev/null
end
complete -c sallyport -a '(__sallyport_complete)'
`;

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish };

export async function run(options: { readonly shell: string }): Promise<number> {
  const script = Object.hasOwn(scripts, options.shell) ? scripts[options.shell] : undefined;
  if (script === undefined) {
    throw new SallyportError('invalid', `there is no completion for "${printable(options.shell, 40)}"`, {
      next: `shells are: ${Object.keys(scripts).join(', ')}`,
    });
  }
  process.stdout.write(script);
  return 0;
}
