package overview

import (
	"fmt"
	"io"

	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
)

// PrintEtcd prints etcd's health: one line, and one more for each problem.
func PrintEtcd(out io.Writer, h etcdschema.Health) {
	up, leader := 0, "nobody"
	var size, quota int64
	for _, m := range h.Members {
		if m.Error == "" {
			up++
		}
		if m.Leads {
			leader = m.Name
			if leader == "" {
				leader = m.Endpoint
			}
		}
		if m.Size > size {
			size, quota = m.Size, m.Quota
		}
	}
	of := ""
	if quota > 0 {
		of = fmt.Sprintf(" of %d", quota>>20)
	}
	fmt.Fprintf(out, "etcd: %d of %d members answer, %s leads, database %d%s MiB, revision %d\n",
		up, len(h.Members), terminal.Printable(leader), size>>20, of, h.Revision)
	for _, w := range h.Warnings {
		fmt.Fprintf(out, "  %s\n", terminal.Printable(w))
	}
}
