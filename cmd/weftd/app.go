package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"weft/cmd/internal/service"
	"weft/cmd/weftd/daemon"
	"weft/etcdschema"
	"weft/hostnet/netns"
	"weft/model/desired"
)

// app is the command line: flags, each with an environment variable WEFT_….
func app() *cli.App {
	return &cli.App{
		Name:            "weftd",
		Usage:           "keep this host what etcd says it must be",
		Version:         service.Version(),
		HideHelpCommand: true,
		Flags:           flags(),
		Action:          run,
	}
}

func flags() []cli.Flag {
	hostname, _ := os.Hostname() // empty if it fails: then --node is needed, and weftd asks for it
	text := func(name, env, value, usage string) cli.Flag {
		return &cli.StringFlag{Name: name, EnvVars: []string{env}, Value: value, Usage: usage}
	}
	return append([]cli.Flag{
		text("node", "WEFT_NODE", hostname, "name of this host, as declared by a Host object"),
		&cli.StringSliceFlag{Name: "etcd-endpoints", EnvVars: []string{"WEFT_ETCD_ENDPOINTS"},
			Value: cli.NewStringSlice("http://127.0.0.1:2379"), Usage: "etcd's client URLs"},
		text("etcd-root", "WEFT_ETCD_ROOT", etcdschema.DefaultRoot, "root of all keys"),
		text("etcd-cert", "WEFT_ETCD_CERT", "", "client certificate; its common name is the node's name"),
		text("etcd-key", "WEFT_ETCD_KEY", "", "key of the client certificate"),
		text("etcd-ca", "WEFT_ETCD_CA", "", "certificates that etcd's is checked with"),
		text("ovs-rundir", "WEFT_OVS_RUNDIR", "/var/run/openvswitch", "where db.sock and the bridges' sockets are; empty on a host without Open vSwitch"),
		text("datapath-type", "WEFT_DATAPATH_TYPE", "system", "of the bridges: system (kernel) or netdev (userspace)"),
		text("netns-dir", "WEFT_NETNS_DIR", netns.DefaultDir, "where network namespaces have their names, an absolute path; ip netns knows only the default"),
		text("state-dir", "WEFT_STATE_DIR", "/var/lib/weft", "where the last good node config is kept"),
		text("debug-listen", "WEFT_DEBUG_LISTEN", "unix:/run/weft/weftd.sock",
			"where /plan, /desired, /observed, /compiled, /healthz, /metrics and /debug/pprof are served: unix:PATH, a loopback address and port, or nothing"),
		&cli.DurationFlag{Name: "sweep-interval", EnvVars: []string{"WEFT_SWEEP_INTERVAL"}, Value: time.Minute,
			Usage: "how often everything is read afresh and compared"},
		text("log-level", "WEFT_LOG_LEVEL", "info", "debug, info, warn or error"),
		&cli.StringSliceFlag{Name: "disable-feature", EnvVars: []string{"WEFT_DISABLE_FEATURE"},
			Usage: "do not advertise a feature; may be repeated"},
	}, service.MetricsFlags()...)
}

func run(c *cli.Context) error {
	if c.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: weftd takes flags only", c.Args().First())
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return fmt.Errorf("--log-level %q: want debug, info, warn or error", c.String("log-level"))
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	conf := daemon.Config{
		Node: c.String("node"),
		Etcd: etcdschema.Config{Endpoints: c.StringSlice("etcd-endpoints"), Root: c.String("etcd-root"),
			TLS:    etcdschema.TLSConfig{CertFile: c.String("etcd-cert"), KeyFile: c.String("etcd-key"), CAFile: c.String("etcd-ca")},
			Logger: log},
		OVSRundir: c.String("ovs-rundir"), DatapathType: c.String("datapath-type"), NetnsDir: c.String("netns-dir"), StateDir: c.String("state-dir"),
		DebugListen: c.String("debug-listen"), Metrics: service.MetricsOf(c), SweepInterval: c.Duration("sweep-interval"), Version: service.Version(),
		Systemd: true, Logger: log,
	}
	for _, f := range c.StringSlice("disable-feature") {
		conf.DisableFeatures = append(conf.DisableFeatures, desired.Feature(f))
	}
	if err := certifies(conf.Etcd.TLS, conf.Node); err != nil {
		return err
	}
	return daemon.Run(c.Context, conf)
}

// certifies checks that the certificate is for this node. Without the check, a certificate for another name would show only as repeated
// permission errors.
func certifies(tls etcdschema.TLSConfig, node string) error {
	name, err := tls.CommonName()
	if err != nil {
		return fmt.Errorf("--etcd-cert: %w", err)
	}
	if tls.CertFile != "" && name != node {
		return fmt.Errorf("--node %s: the certificate %s is for %q: set --node (WEFT_NODE) to that name, or --etcd-cert to the certificate of %s",
			node, tls.CertFile, name, node)
	}
	return nil
}
