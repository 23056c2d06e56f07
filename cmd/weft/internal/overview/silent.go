package overview

import (
	"fmt"
	"io"

	"weft/cmd/weft/internal/terminal"
)

// printSilent says what to do about hosts that do not report.
func printSilent(out io.Writer, nodes []Node) {
	var silent, never []string
	for _, n := range nodes {
		switch {
		case n.Live:
		case n.Report.At.IsZero():
			never = append(never, n.Name)
		default:
			silent = append(silent, n.Name)
		}
	}
	if len(silent) > 0 {
		fmt.Fprintf(out, "\nsilent: %s: weftd does not run there, or does not reach etcd: `systemctl status weftd` there says which.\n"+
			"  Guests there go on as they were; what is declared since waits.\n", terminal.Enumerate(silent))
	}
	if len(never) > 0 {
		fmt.Fprintf(out, "\nnever seen: %s: start weftd there with WEFT_NODE set to this name, and with a certificate for it.\n",
			terminal.Enumerate(never))
	}
}
