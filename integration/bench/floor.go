package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ovn-kubernetes/libovsdb/cache"
	"github.com/ovn-kubernetes/libovsdb/client"
	ovsmodel "github.com/ovn-kubernetes/libovsdb/model"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// rootRow, bridgeRow, portRow and interfaceRow are the columns the floor needs of OVSDB.
type rootRow struct {
	UUID    string   `ovsdb:"_uuid"`
	Bridges []string `ovsdb:"bridges"`
	CurCfg  int      `ovsdb:"cur_cfg"`
	NextCfg int      `ovsdb:"next_cfg"`
}

type bridgeRow struct {
	UUID  string   `ovsdb:"_uuid"`
	Name  string   `ovsdb:"name"`
	Ports []string `ovsdb:"ports"`
}

type portRow struct {
	UUID       string   `ovsdb:"_uuid"`
	Name       string   `ovsdb:"name"`
	Interfaces []string `ovsdb:"interfaces"`
}

type interfaceRow struct {
	UUID   string `ovsdb:"_uuid"`
	Name   string `ovsdb:"name"`
	OFPort *int   `ovsdb:"ofport"`
}

// floor does the same work as Weft, raw: OVSDB transactions and flow bundles, and nothing else. It works on the host that is measured, in
// tables that are not Weft's.
type floor struct {
	dir string
	db  client.Client
	mu  sync.Mutex
	cfg int
	was chan struct{} // closed and replaced when cfg changes
}

func newFloor(ctx context.Context, rundir string) (*floor, error) {
	f := &floor{dir: rundir, was: make(chan struct{})}
	schema, err := ovsmodel.NewClientDBModel("Open_vSwitch", map[string]ovsmodel.Model{
		"Open_vSwitch": &rootRow{}, "Bridge": &bridgeRow{}, "Port": &portRow{}, "Interface": &interfaceRow{}})
	if err != nil {
		return nil, err
	}
	if f.db, err = client.NewOVSDBClient(schema, client.WithEndpoint("unix:"+rundir+"/db.sock")); err != nil {
		return nil, err
	}
	if err := f.db.Connect(ctx); err != nil {
		return nil, err
	}
	f.db.Cache().AddEventHandler(&cache.EventHandlerFuncs{
		AddFunc:    func(_ string, m ovsmodel.Model) { f.see(m) },
		UpdateFunc: func(_ string, _, m ovsmodel.Model) { f.see(m) },
	})
	// The columns are listed, because otherwise the server sends all of them, and libovsdb refuses a column that has no field.
	var root rootRow
	var bridge bridgeRow
	var port portRow
	var iface interfaceRow
	_, err = f.db.Monitor(ctx, f.db.NewMonitor(
		client.WithTable(&root, &root.Bridges, &root.CurCfg, &root.NextCfg),
		client.WithTable(&bridge, &bridge.Name, &bridge.Ports),
		client.WithTable(&port, &port.Name, &port.Interfaces),
		client.WithTable(&iface, &iface.Name, &iface.OFPort)))
	return f, err
}

func (f *floor) close() { f.db.Close() }

func (f *floor) see(m ovsmodel.Model) {
	r, ok := m.(*rootRow)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cfg = r.CurCfg
	close(f.was)
	f.was = make(chan struct{})
}

// transact commits the operations in one transaction and waits until OVS has carried it out.
func (f *floor) transact(ctx context.Context, ops []ovsdb.Operation) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	mutate := ovsdb.Operation{Op: ovsdb.OperationMutate, Table: "Open_vSwitch", Where: everyRow(),
		Mutations: []ovsdb.Mutation{*ovsdb.NewMutation("next_cfg", ovsdb.MutateOperationAdd, 1)}}
	read := ovsdb.Operation{Op: ovsdb.OperationSelect, Table: "Open_vSwitch", Where: everyRow(), Columns: []string{"next_cfg"}}
	ops = append(ops, mutate, read)
	results, err := f.db.Transact(ctx, ops...)
	if err != nil {
		return err
	}
	if errs, err := ovsdb.CheckOperationResults(results, ops); err != nil {
		return fmt.Errorf("%w: %v", err, errs)
	}
	next, ok := results[len(ops)-1].Rows[0]["next_cfg"].(float64)
	if !ok {
		return fmt.Errorf("next_cfg is %T", results[len(ops)-1].Rows[0]["next_cfg"])
	}
	for {
		f.mu.Lock()
		cfg, was := f.cfg, f.was
		f.mu.Unlock()
		if cfg >= int(next) {
			return nil
		}
		select {
		case <-was:
		case <-ctx.Done():
			return fmt.Errorf("cur_cfg is %d, %d is awaited: %w", cfg, int(next), ctx.Err())
		}
	}
}

// addPorts puts netdevs on a bridge in one transaction. It requests the ofports, if given.
func (f *floor) addPorts(ctx context.Context, bridge string, devices []string, ofports map[string]int) error {
	ops, ports := portOps(devices, ofports)
	set, err := ovsdb.NewOvsSet(ports)
	if err != nil {
		return err
	}
	return f.transact(ctx, append(ops, ovsdb.Operation{Op: ovsdb.OperationMutate, Table: "Bridge",
		Where:     []ovsdb.Condition{ovsdb.NewCondition("name", ovsdb.ConditionEqual, bridge)},
		Mutations: []ovsdb.Mutation{*ovsdb.NewMutation("ports", ovsdb.MutateOperationInsert, set)}}))
}

// addBridge makes a bridge like Weft's with the netdevs on it in one transaction.
func (f *floor) addBridge(ctx context.Context, bridge string, devices []string, ofports map[string]int) error {
	ops, ports := portOps(append([]string{bridge}, devices...), ofports)
	ops[0].Row["type"] = "internal"
	set, err := ovsdb.NewOvsSet(ports)
	if err != nil {
		return err
	}
	protocols, err := ovsdb.NewOvsSet([]string{"OpenFlow10", "OpenFlow13", "OpenFlow14"})
	if err != nil {
		return err
	}
	bridges, err := ovsdb.NewOvsSet([]ovsdb.UUID{{GoUUID: "bridge"}})
	if err != nil {
		return err
	}
	return f.transact(ctx, append(ops,
		ovsdb.Operation{Op: ovsdb.OperationInsert, Table: "Bridge", UUIDName: "bridge", Row: ovsdb.Row{"name": bridge,
			"datapath_type": "netdev", "fail_mode": "secure", "protocols": protocols, "ports": set}},
		ovsdb.Operation{Op: ovsdb.OperationMutate, Table: "Open_vSwitch", Where: everyRow(),
			Mutations: []ovsdb.Mutation{*ovsdb.NewMutation("bridges", ovsdb.MutateOperationInsert, bridges)}}))
}

// portOps inserts a port and an interface for each device.
func portOps(devices []string, ofports map[string]int) (ops []ovsdb.Operation, ports []ovsdb.UUID) {
	for i, d := range devices {
		iface, port := fmt.Sprintf("iface%d", i), fmt.Sprintf("port%d", i)
		row := ovsdb.Row{"name": d}
		if n, ok := ofports[d]; ok {
			row["ofport_request"] = n
		}
		ops = append(ops,
			ovsdb.Operation{Op: ovsdb.OperationInsert, Table: "Interface", UUIDName: iface, Row: row},
			ovsdb.Operation{Op: ovsdb.OperationInsert, Table: "Port", UUIDName: port,
				Row: ovsdb.Row{"name": d, "interfaces": ovsdb.UUID{GoUUID: iface}}})
		ports = append(ports, ovsdb.UUID{GoUUID: port})
	}
	return ops, ports
}

// ofports reads the port numbers of the interfaces.
func (f *floor) ofports(ctx context.Context) (map[string]int, error) {
	var rows []interfaceRow
	if err := f.db.List(ctx, &rows); err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, r := range rows {
		if r.OFPort != nil && *r.OFPort > 0 && *r.OFPort <= lastOFPort {
			out[r.Name] = *r.OFPort
		}
	}
	return out, nil
}

// vsctl runs ovs-vsctl, for what is not measured.
func (f *floor) vsctl(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ovs-vsctl", append([]string{"--db=unix:" + f.dir + "/db.sock"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ovs-vsctl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// ofctl runs ovs-ofctl on a bridge.
func (f *floor) ofctl(ctx context.Context, bridge, stdin, command string, args ...string) (string, error) {
	argv := append([]string{"-O", "OpenFlow14", "--bundle", command, "unix:" + f.dir + "/" + bridge + ".mgmt"}, args...)
	cmd := exec.CommandContext(ctx, "ovs-ofctl", argv...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("ovs-ofctl %s: %w: %s", command, err, stderr.String())
	}
	return stdout.String(), nil
}

// flows dumps a bridge's flows in the form that add-flows reads. filter is an ovs-ofctl match, e.g. "cookie=0x1/-1".
func (f *floor) flows(ctx context.Context, bridge, filter string) ([]string, error) {
	args := []string{}
	if filter != "" {
		args = append(args, filter)
	}
	out, err := f.ofctl(ctx, bridge, "", "dump-flows", append(args, "--no-stats", "--no-names")...)
	if err != nil {
		return nil, err
	}
	var flows []string
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); strings.Contains(line, "actions=") {
			flows = append(flows, strings.Replace(line, " actions=", ",actions=", 1))
		}
	}
	return flows, nil
}

// bundle loads flows in one bundle.
func (f *floor) bundle(ctx context.Context, bridge string, flows []string) error {
	_, err := f.ofctl(ctx, bridge, strings.Join(flows, "\n")+"\n", "add-flows", "-")
	return err
}

var (
	tableWords = regexp.MustCompile(`\b(table=|goto_table:|resubmit\(,)(\d+)`)
	cookieWord = regexp.MustCompile(`cookie=0x[0-9a-f]+`)
)

// transplant rewrites a port's flows for another port number, and for tables that are not Weft's.
func transplant(flows []string, from, to int) []string {
	number := regexp.MustCompile(fmt.Sprintf(`\b(in_port=|output:)%d\b`, from))
	out := make([]string, len(flows))
	for i, fl := range flows {
		fl = tableWords.ReplaceAllStringFunc(fl, func(s string) string {
			m := tableWords.FindStringSubmatch(s)
			n, _ := strconv.Atoi(m[2]) // the expression takes digits only
			return m[1] + strconv.Itoa(n+foreignTables)
		})
		fl = cookieWord.ReplaceAllString(fl, "cookie=0x1")
		out[i] = number.ReplaceAllString(fl, "${1}"+strconv.Itoa(to))
	}
	return out
}

// foreignTables is added to table numbers: object.LastTable is 99.
const foreignTables = 100

// purge removes the datapath's flows, so that the next packet is a first packet.
func purge(ctx context.Context, rundir string) error {
	out, err := exec.CommandContext(ctx, "ovs-appctl", "-t", rundir+"/vswitchd.ctl", "dpctl/del-flows").CombinedOutput()
	if err != nil {
		return fmt.Errorf("dpctl/del-flows: %w: %s", err, out)
	}
	return nil
}

// everyRow is a condition that the one row of Open_vSwitch always meets. It is needed, because an operation without a condition is not
// sent in the form that ovsdb-server wants.
func everyRow() []ovsdb.Condition {
	return []ovsdb.Condition{ovsdb.NewCondition("next_cfg", ovsdb.ConditionGreaterThanOrEqual, 0)}
}

// lastOFPort is the highest number that OVS gives a port (OFPP_MAX is 0xff00). Higher numbers are reserved, such as LOCAL.
const lastOFPort = 0xfeff
