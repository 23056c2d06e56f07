package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"weft/cmd/internal/service"
	"weft/etcdschema"
	"weft/reconcile/control"
	"weft/reconcile/control/claim"
)

func newApp(log io.Writer) *cli.App {
	return &cli.App{
		Name:            "weft-controller",
		Usage:           "one replica of Weft's control plane",
		Version:         service.Version(),
		HideHelpCommand: true,
		Flags:           flags(),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return fmt.Errorf("unexpected argument %q: everything is a flag, see --help", c.Args().First())
			}
			s, err := readSettings(c, log)
			if err != nil {
				return err
			}
			return serve(c.Context, s)
		},
	}
}

func env(flag string) []string {
	return []string{"WEFT_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))}
}

func flags() []cli.Flag {
	text := func(name, value, usage string) cli.Flag {
		return &cli.StringFlag{Name: name, Value: value, Usage: usage, EnvVars: env(name)}
	}
	duration := func(name string, value time.Duration, usage string) cli.Flag {
		return &cli.DurationFlag{Name: name, Value: value, Usage: usage, EnvVars: env(name)}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "weft-controller"
	}
	return append([]cli.Flag{
		text("name", host, "name of this replica, for people"),
		&cli.StringSliceFlag{Name: "etcd-endpoints", Value: cli.NewStringSlice("http://127.0.0.1:2379"),
			Usage: "URLs of etcd, comma-separated", EnvVars: env("etcd-endpoints")},
		text("etcd-root", etcdschema.DefaultRoot, "root of all keys"),
		text("etcd-cert", "", "PEM file of the client certificate"),
		text("etcd-key", "", "PEM file of its key"),
		text("etcd-ca", "", "PEM file of the authority that signed etcd's certificate"),
		duration("session-ttl", control.DefaultSessionTTL, "how soon another replica takes over from one that vanished"),
		duration("address-hold", control.DefaultAddressHold, "how long a released address, MAC or segment is kept from reuse"),
		text("mac-prefix", "fa:16:3e", "first three bytes of MACs that Weft chooses; hosts keep the link-local addresses made of such MACs for who has them"),
		text("state-dir", "/var/lib/weft-controller", "where it is remembered which etcd was seen"),
		text("debug-listen", "unix:/run/weft-controller/weft-controller.sock",
			"where /healthz, /metrics and /debug/pprof are served: unix:PATH, a loopback HOST:PORT, or empty for nowhere"),
		text("log-level", "info", "debug, info, warn or error"),
	}, service.MetricsFlags()...)
}

// settings are the flags, read.
type settings struct {
	etcd    etcdschema.Config
	control control.Config
	debug   string
	metrics service.Metrics
	log     *slog.Logger
}

func readSettings(c *cli.Context, out io.Writer) (settings, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return settings{}, fmt.Errorf("--log-level: %w", err)
	}
	prefix, err := parseMACPrefix(c.String("mac-prefix"))
	if err != nil {
		return settings{}, fmt.Errorf("--mac-prefix: %w", err)
	}
	for _, name := range []string{"session-ttl", "address-hold"} {
		if c.Duration(name) < time.Second {
			return settings{}, fmt.Errorf("--%s: %s is too short: use at least 1s", name, c.Duration(name))
		}
	}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
	return settings{
		etcd: etcdschema.Config{
			Endpoints: c.StringSlice("etcd-endpoints"), Root: c.String("etcd-root"), Logger: log,
			TLS: etcdschema.TLSConfig{CertFile: c.String("etcd-cert"), KeyFile: c.String("etcd-key"), CAFile: c.String("etcd-ca")},
		},
		control: control.Config{
			Name: c.String("name"), SessionTTL: c.Duration("session-ttl"), AddressHold: c.Duration("address-hold"),
			StateDir: c.String("state-dir"), Version: service.Version(), Logger: log, Settings: claim.Settings{MACPrefix: prefix},
		},
		debug: c.String("debug-listen"), metrics: service.MetricsOf(c), log: log,
	}, nil
}

// parseMACPrefix reads three bytes of a unicast MAC ("fa:16:3e").
func parseMACPrefix(s string) ([3]byte, error) {
	b, err := hex.DecodeString(strings.NewReplacer(":", "", "-", "").Replace(s))
	if err != nil || len(b) != 3 {
		return [3]byte{}, fmt.Errorf("%q is not three bytes such as fa:16:3e", s)
	}
	if b[0]&1 != 0 || [3]byte(b) == ([3]byte{}) {
		return [3]byte{}, fmt.Errorf("%q does not begin a unicast MAC: its first byte must be even", s)
	}
	return [3]byte(b), nil
}
