package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/terminal"
)

const (
	defaultDebug    = "unix:/run/weft/weftd.sock"
	planTimeout     = 30 * time.Second
	maxPlanBytes    = 256 << 20
	maxExcerptBytes = 200
)

func hostPlanCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:      "plan",
		Usage:     "on the host itself: what weftd would do now, as ordered steps, without doing it",
		UsageText: "weft host plan [--debug unix:PATH|HOST:PORT] [-o table|json]",
		Flags: []cli.Flag{outputFlag(), &cli.StringFlag{Name: "debug", EnvVars: []string{"WEFT_DEBUG_LISTEN"}, Value: defaultDebug,
			Usage: "weftd's debug listener at `ADDRESS`"}},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context, planTimeout)
			defer cancel()
			format := c.String("output")
			if format != "json" && format != "table" {
				return fmt.Errorf("%q is no output format of host plan: use table or json", format)
			}
			raw, err := fetchPlan(ctx, c.String("debug"), format == "json")
			if err != nil {
				return err
			}
			_, err = io.WriteString(s.out, terminal.PrintableLines(string(raw)))
			return err
		},
	})
}

// fetchPlan asks weftd's debug listener for its plan: as text for people, or as JSON.
func fetchPlan(ctx context.Context, address string, asJSON bool) ([]byte, error) {
	network, at := "tcp", strings.TrimPrefix(address, "tcp:")
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, at = "unix", path
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, at)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://weftd/plan", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/plain")
	if asJSON {
		req.Header.Set("Accept", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("weftd at %s: %w: is it running here, and are you root? --debug names another listener", address, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxPlanBytes))
	if err != nil {
		return nil, fmt.Errorf("weftd at %s: %w", address, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("weftd at %s: %s: %s", address, resp.Status, terminal.Printable(string(raw[:min(len(raw), maxExcerptBytes)])))
	}
	return raw, nil
}
