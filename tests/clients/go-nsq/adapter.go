// go-nsq behind the adapter protocol of tests/clients/README.md.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/nsqio/go-nsq"
)

const (
	lineBytesMax = 1 << 24
	touchEvery   = 400 * time.Millisecond
	touchTimes   = 6
)

type command struct {
	Do    string
	Topic string

	// publish
	ID      int
	Kind    string
	Bodies  [][]byte // encoding/json reads base64
	DelayMs int64    `json:"delay_ms"`

	// consume, close
	Name        string
	Channel     string
	MaxInFlight int `json:"max_in_flight"`
	First       string
	DelayS      float64 `json:"delay_s"`
	MsgTimeoutS float64 `json:"msg_timeout_s"`
	HeartbeatS  float64 `json:"heartbeat_s"`
	Lookupd     []string // none: the consumer is told where nsqd is
	PollS       float64  `json:"poll_s"`
}

// options are those of every connection.
type options struct {
	Compression string
	Secret      string
	TLS         *struct{ CA, Cert, Key string }
}

type answered struct {
	ID    int     `json:"id"`
	Error *string `json:"error"`
}

type received struct {
	Consumer string  `json:"consumer"`
	Body     []byte  `json:"body"`
	Attempts uint16  `json:"attempts"`
	At       float64 `json:"at"`
}

var (
	started  = time.Now()
	stdout   = json.NewEncoder(os.Stdout)
	stdoutMu sync.Mutex
	logger   = log.New(os.Stderr, "", log.Lmicroseconds)
)

// config is what go-nsq calls them.
func (o options) config() *nsq.Config {
	config := nsq.NewConfig()
	config.AuthSecret = o.Secret
	config.Snappy = o.Compression == "snappy"
	config.Deflate = o.Compression == "deflate"
	if o.TLS == nil {
		return config
	}
	ca, err := os.ReadFile(o.TLS.CA)
	check(err)
	config.TlsV1 = true
	config.TlsConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	config.TlsConfig.RootCAs.AppendCertsFromPEM(ca)
	if o.TLS.Cert != "" {
		certificate, err := tls.LoadX509KeyPair(o.TLS.Cert, o.TLS.Key)
		check(err)
		config.TlsConfig.Certificates = []tls.Certificate{certificate}
	}
	return config
}

func say(event any) {
	stdoutMu.Lock()
	defer stdoutMu.Unlock()
	check(stdout.Encode(event))
}

func check(err error) {
	if err != nil {
		logger.Fatal(err)
	}
}

func seconds(value float64) time.Duration {
	return time.Duration(value * float64(time.Second))
}

// consumer keeps the messages it was told not to answer, because go-nsq closes only when all are answered.
type consumer struct {
	*nsq.Consumer
	command
	mu   sync.Mutex
	held []*nsq.Message
}

func (c *consumer) HandleMessage(message *nsq.Message) error {
	message.DisableAutoResponse()
	say(received{c.Name, message.Body, message.Attempts, time.Since(started).Seconds()})
	switch {
	case message.Attempts > 1 || c.First == "finish":
		message.Finish()
	case c.First == "requeue":
		message.RequeueWithoutBackoff(seconds(c.DelayS))
	case c.First == "touch":
		go touch(message)
	default:
		c.mu.Lock()
		c.held = append(c.held, message)
		c.mu.Unlock()
	}
	return nil
}

func touch(message *nsq.Message) {
	for range touchTimes {
		time.Sleep(touchEvery)
		message.Touch()
	}
	message.Finish()
}

func (c *consumer) close() {
	c.Stop()
	c.mu.Lock()
	for _, message := range c.held {
		message.RequeueWithoutBackoff(0)
	}
	c.mu.Unlock()
	<-c.StopChan
}

func consume(address string, options options, command command) *consumer {
	config := options.config()
	config.MaxInFlight = command.MaxInFlight
	config.MsgTimeout = seconds(command.MsgTimeoutS)
	config.HeartbeatInterval = seconds(command.HeartbeatS)
	if len(command.Lookupd) > 0 {
		config.LookupdPollInterval = seconds(command.PollS)
	}
	inner, err := nsq.NewConsumer(command.Topic, command.Channel, config)
	check(err)
	c := &consumer{Consumer: inner, command: command}
	c.SetLogger(logger, nsq.LogLevelWarning)
	c.AddHandler(c)
	if len(command.Lookupd) > 0 {
		check(c.ConnectToNSQLookupds(command.Lookupd))
	} else {
		check(c.ConnectToNSQD(address))
	}
	return c
}

func newProducer(address string, options options) *nsq.Producer {
	producer, err := nsq.NewProducer(address, options.config())
	check(err)
	producer.SetLogger(logger, nsq.LogLevelWarning)
	return producer
}

func publish(producer *nsq.Producer, command command) error {
	var err error
	switch command.Kind {
	case "PUB":
		err = producer.Publish(command.Topic, command.Bodies[0])
	case "MPUB":
		err = producer.MultiPublish(command.Topic, command.Bodies)
	default:
		delay := time.Duration(command.DelayMs) * time.Millisecond
		err = producer.DeferredPublish(command.Topic, delay, command.Bodies[0])
	}
	answer := answered{ID: command.ID}
	if err != nil {
		text := err.Error()
		answer.Error = &text
	}
	say(answer)
	return err
}

func main() {
	address := os.Args[1]
	say(map[string]string{"client": "go-nsq " + nsq.VERSION})
	var options options
	check(json.Unmarshal([]byte(os.Args[2]), &options))
	producer := newProducer(address, options)
	consumers := map[string]*consumer{}

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineBytesMax)
	for lines.Scan() {
		var command command
		check(json.Unmarshal(lines.Bytes(), &command))
		switch command.Do {
		case "publish":
			if publish(producer, command) != nil {
				// nsqd closes after an error: the next publish opens a new connection
				producer.Stop()
				producer = newProducer(address, options)
			}
		case "consume":
			consumers[command.Name] = consume(address, options, command)
		case "close":
			consumers[command.Name].close()
			say(map[string]string{"closed": command.Name})
		default:
			check(fmt.Errorf("unknown command %q", command.Do))
		}
	}
	check(lines.Err())
}
