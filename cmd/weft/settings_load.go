package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"sigs.k8s.io/yaml"

	"weft/etcdschema"
)

// settings say which etcd to talk to and for which project. Each comes from its flag, else from the environment, else
// from the configuration file, else from its default.
type settings struct {
	Endpoints []string `json:"endpoints,omitempty"`
	Root      string   `json:"root,omitempty"`
	CertFile  string   `json:"certFile,omitempty"`
	KeyFile   string   `json:"keyFile,omitempty"`
	CAFile    string   `json:"caFile,omitempty"`
	User      string   `json:"user,omitempty"`
	Password  string   `json:"password,omitempty"`
	Project   string   `json:"project,omitempty"`
}

const defaultEndpoint = "http://127.0.0.1:2379"

// connectionFlags say where etcd is. There is no flag for the password, because everybody can read command lines.
func connectionFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", EnvVars: []string{"WEFT_CONFIG"}, Usage: "read settings from `FILE` (default: ~/.config/weft/config.yaml)"},
		&cli.StringFlag{Name: "endpoints", EnvVars: []string{"WEFT_ENDPOINTS", "WEFT_ETCD_ENDPOINTS"}, Usage: "etcd's `URLS`, separated by commas (default: " + defaultEndpoint + ")"},
		&cli.StringFlag{Name: "root", EnvVars: []string{"WEFT_ROOT", "WEFT_ETCD_ROOT"}, Usage: "root of all `KEYS` (default: " + etcdschema.DefaultRoot + ")"},
		&cli.StringFlag{Name: "cert", EnvVars: []string{"WEFT_CERT", "WEFT_ETCD_CERT"}, Usage: "client certificate `FILE` (PEM)"},
		&cli.StringFlag{Name: "key", EnvVars: []string{"WEFT_KEY", "WEFT_ETCD_KEY"}, Usage: "client key `FILE` (PEM)"},
		&cli.StringFlag{Name: "ca", EnvVars: []string{"WEFT_CA", "WEFT_ETCD_CA"}, Usage: "`FILE` with the certificates etcd's is checked against (PEM)"},
		&cli.StringFlag{Name: "user", EnvVars: []string{"WEFT_USER"}, Usage: "etcd `NAME`, with the password in WEFT_PASSWORD or the configuration file"},
	}
}

func projectFlag() cli.Flag {
	return &cli.StringFlag{Name: "project", Aliases: []string{"p"}, EnvVars: []string{"WEFT_PROJECT"}, Usage: "the `PROJECT` of objects that name none"}
}

// loadSettings merges flags, environment, file and defaults. The library has merged flags and environment already.
func loadSettings(c *cli.Context) (settings, error) {
	s, err := readConfig(c.String("config"))
	if err != nil {
		return s, err
	}
	override(&s.Root, c.String(rootFlag(c)))
	override(&s.CertFile, c.String("cert"))
	override(&s.KeyFile, c.String("key"))
	override(&s.CAFile, c.String("ca"))
	override(&s.User, c.String("user"))
	override(&s.Password, os.Getenv("WEFT_PASSWORD"))
	override(&s.Project, c.String("project"))
	if e := c.String("endpoints"); e != "" {
		s.Endpoints = strings.Split(e, ",")
	}
	if len(s.Endpoints) == 0 {
		s.Endpoints = []string{defaultEndpoint}
	}
	return s, nil
}

// etcdRoot is the flag for the root of all keys where --root is something else.
const etcdRoot = "etcd-root"

// rootFlag is the command's flag for the root of all keys.
func rootFlag(c *cli.Context) string {
	if slices.ContainsFunc(c.Command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), etcdRoot) }) {
		return etcdRoot
	}
	return "root"
}

func override(setting *string, value string) {
	if value != "" {
		*setting = value
	}
}

// readConfig reads the named file, or the user's if none is named; that one may be missing.
func readConfig(file string) (settings, error) {
	var s settings
	named := file != ""
	if !named {
		dir, err := os.UserConfigDir()
		if err != nil {
			return s, nil // no home, no file
		}
		file = filepath.Join(dir, "weft", "config.yaml")
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("configuration: %w", err)
	}
	if err := yaml.UnmarshalStrict(data, &s); err != nil {
		return s, fmt.Errorf("configuration %s: %w: known are endpoints, root, certFile, keyFile, caFile, user, password, project", file, err)
	}
	return s, nil
}

// store is what the verbs need of etcd.
type store interface {
	Get(context.Context, etcdschema.Key) (etcdschema.Item, bool, error)
	GetMany(context.Context, []etcdschema.Key) (map[etcdschema.Key]etcdschema.Item, error)
	Names(context.Context, etcdschema.Prefix) iter.Seq2[string, error]
	List(context.Context, etcdschema.Prefix) ([]etcdschema.Item, int64, error)
	Count(context.Context, etcdschema.Prefix) (int, error)
	Commit(context.Context, *etcdschema.Txn) (int64, bool, error)
}

// openTimeout bounds the first contact.
const openTimeout = 5 * time.Second

// withClient opens etcd for the duration of one verb. Errors say which endpoints were tried.
func withClient(c *cli.Context, do func(context.Context, *etcdschema.Client, settings) error) error {
	s, err := loadSettings(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, openTimeout)
	defer cancel()
	client, err := etcdschema.Open(ctx, etcdschema.Config{
		Endpoints: s.Endpoints, Root: s.Root, Username: s.User, Password: s.Password,
		TLS:    etcdschema.TLSConfig{CertFile: s.CertFile, KeyFile: s.KeyFile, CAFile: s.CAFile},
		Logger: slog.New(slog.NewTextHandler(c.App.ErrWriter, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return unreachable(s, err)
	}
	err = do(c.Context, client, s)
	return errors.Join(unreachable(s, err), client.Close())
}

// unreachable adds what to check when etcd did not answer.
func unreachable(s settings, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: no answer from etcd at %v: check that it runs, --endpoints (or WEFT_ENDPOINTS) and, for https, --cert, --key and --ca", err, s.Endpoints)
}
