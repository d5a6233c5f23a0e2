// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.commons.protocol;

import com.genesyslab.platform.commons.connection.configuration.ConnectionConfiguration;
import javax.net.ssl.SSLContext;

public class Endpoint {
    public final String name;
    public final String host;
    public final int port;
    public final ConnectionConfiguration configuration;
    public final boolean tls;
    public final SSLContext sslContext;

    public Endpoint(String name, String host, int port) {
        this(name, host, port, null);
    }

    public Endpoint(String name, String host, int port, ConnectionConfiguration configuration) {
        this(name, host, port, configuration, false, null, null);
    }

    public Endpoint(String name, String host, int port, ConnectionConfiguration configuration,
            boolean tlsEnabled, SSLContext sslContext, Object more) {
        this.name = name;
        this.host = host;
        this.port = port;
        this.configuration = configuration;
        this.tls = tlsEnabled;
        this.sslContext = sslContext;
    }
}
