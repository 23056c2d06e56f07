package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"weft/integration/testbed"
)

// options are the flags, read.
type options struct {
	sizes, others      []int
	regions            regions
	runs               int
	only               string
	binaries, datapath string
	asJSON             bool
}

// regions are the regions in which the control plane is measured.
type regions struct {
	ports []int // of each region, ascending
	hosts int
	bulk  int // ports that are applied and deleted at once
}

func readOptions() (o options, err error) {
	sizes := flag.String("sizes", "1,100,1000", "how many ports the host holds, ascending")
	others := flag.String("others", "10,10000", "how many floating addresses the host holds, ascending")
	ports := flag.String("regions", "1000,10000,30000", "how many ports a region of simulated hosts holds, ascending")
	flag.IntVar(&o.regions.hosts, "region-hosts", 300, "how many hosts a region has")
	flag.IntVar(&o.regions.bulk, "bulk", 5000, "how many ports of a region are applied and deleted at once; a storm is four fifths of it")
	flag.IntVar(&o.runs, "runs", 20, "measurements of each kind in each state")
	flag.StringVar(&o.only, "only", "abcdefghijklmno", "letters of what to measure")
	flag.StringVar(&o.binaries, "bin", "", "folder of weft, weftd, weft-controller and leasescript; built when empty")
	flag.StringVar(&o.datapath, "datapath", string(testbed.DatapathUser),
		"the hosts' datapath: netdev, or system where the kernel has Open vSwitch's")
	flag.BoolVar(&o.asJSON, "json", false, "print what was measured as JSON, for another program")
	flag.Parse()
	var errs [4]error
	o.sizes, errs[0] = parseSizes("sizes", *sizes)
	o.others, errs[1] = parseSizes("others", *others)
	o.regions.ports, errs[2] = parseSizes("regions", *ports)
	if o.regions.hosts < 1 || o.regions.bulk < leastBulk {
		errs[3] = fmt.Errorf("-region-hosts %d, -bulk %d: at least 1 host and %d ports are needed", o.regions.hosts, o.regions.bulk, leastBulk)
	}
	return o, errors.Join(errs[:]...)
}

// leastBulk is the number that makes a storm of one second.
const leastBulk = 250

func parseSizes(flag, s string) ([]int, error) {
	var out []int
	for f := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 || len(out) > 0 && n <= out[len(out)-1] {
			return nil, fmt.Errorf("-%s %q: ascending numbers from 1 are needed", flag, s)
		}
		out = append(out, n)
	}
	return out, nil
}

// joinSizes writes sizes in the form that parseSizes reads.
func joinSizes(sizes []int) string {
	text := make([]string, len(sizes))
	for i, n := range sizes {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, ",")
}
