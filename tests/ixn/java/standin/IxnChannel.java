// One request after the other: a length of four bytes and a JSON object, each way.
package standin;

import com.genesyslab.platform.commons.protocol.ChannelClosedOnRequestException;
import com.genesyslab.platform.commons.protocol.Endpoint;
import com.genesyslab.platform.commons.protocol.Message;
import com.genesyslab.platform.commons.protocol.ProtocolException;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;

public class IxnChannel {
    private final Endpoint endpoint;
    private Socket socket;

    protected IxnChannel(Endpoint endpoint) {
        this.endpoint = endpoint;
    }

    public void open(long timeoutMs) throws ProtocolException {
        socket = new Socket();
        try {
            socket.connect(new InetSocketAddress(endpoint.host, endpoint.port), (int) timeoutMs);
        } catch (IOException e) {
            throw new ProtocolException("not opened", e);
        }
    }

    public Message request(Message message, long timeoutMs) throws ProtocolException {
        try {
            socket.setSoTimeout((int) timeoutMs);
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            byte[] body = IxnWire.written(message);
            out.writeInt(body.length);
            out.write(body);
            out.flush();
            DataInputStream in = new DataInputStream(socket.getInputStream());
            byte[] answer = new byte[in.readInt()];
            in.readFully(answer);
            return IxnWire.read(answer);
        } catch (SocketTimeoutException e) {
            return null;
        } catch (IOException e) {
            throw new ChannelClosedOnRequestException("closed while waiting", e);
        }
    }

    public void close() throws IOException {
        socket.close();
    }
}
