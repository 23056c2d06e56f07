// Command leasescript is the script of the testbed's DHCP clients, see package lease.
package main

import (
	"fmt"
	"os"

	"weft/integration/testbed/lease"
)

func main() {
	if err := lease.Main(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
